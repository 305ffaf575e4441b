"""Records of every kind, made up: what reports show does not depend on running anything."""

import math

from adaptergen.verify.record import (
    CheckResult,
    LayerFacts,
    MutantResult,
    Problem,
    Record,
    Status,
    VariantResult,
)

# What a hostile module could raise.
HOSTILE = "</style></script><img src=x onerror=hacked=1><script>hacked=1</script> {{ 7 * 7 }}"

EXACT = CheckResult(
    "forward.residual", "forward", Status.PASSED, worst=0.0, tolerance=1e-9,
    by_layer=((0, 0.0), (1, 0.0)),
)  # fmt: skip
CLOSE = CheckResult(
    "weights.compatibility", "weights", Status.PASSED, worst=1.2e-6, tolerance=1e-5,
    by_layer=((0, 3e-15), (1, 1.2e-6), (None, 8e-7)),
)  # fmt: skip
CLAIM = CheckResult("claims.paths", "claims", Status.PASSED)
SKIPPED = CheckResult("forward.window", "forward", Status.SKIPPED, "no layer has a window")
_CAUSE = Problem(
    "layer 1 hook_rot_q differs from HF by 5.0e+00",
    1,
    "attention.rope.layers",
    5.0,
    what="hook_rot_q",
)
_EFFECT = Problem(
    f"the output differs from HF {HOSTILE}", None, "", math.inf, "blocks.1.hook_rot_q"
)
ROTATION = CheckResult(
    "hooks.rotation", "hooks", Status.FAILED, _CAUSE.message, 1, _CAUSE.claim, 5.0, 1e-9,
    ((0, 0.0), (1, 5.0)), (_CAUSE,),
)  # fmt: skip
LOGITS = CheckResult(
    "forward.logits", "forward", Status.FAILED, _EFFECT.message, None, "", math.inf, 1e-9,
    ((None, math.inf),), (_EFFECT,),
)  # fmt: skip
LAYERS = (LayerFacts(0, True, True, None, None), LayerFacts(1, False, False, 8, 8))
VARIANTS = (
    VariantResult("attention_bias=True", Status.PASSED, 1e-6),
    VariantResult("rope_type=yarn", Status.SKIPPED, None, "HF refuses it"),
)
MUTANTS = (
    MutantResult("flags.norm", "layer norm for RMS", ("weights.compatibility", "hooks.norms")),
    MutantResult("flags.gated_mlp", "flag left out", (), "TL does not read it"),
)

GREEN = Record(
    "smollm3", "SmolLM3ForCausalLM", "generated/smollm3.py", {"attention_bias": True},
    (CLAIM, EXACT, SKIPPED, CLOSE), 2.5, LAYERS, VARIANTS, MUTANTS,
)  # fmt: skip
RED = Record(
    "llama", "LlamaForCausalLM", "generated/llama.py", {}, (CLAIM, ROTATION, LOGITS, EXACT), 1.5,
    (LAYERS[0], LayerFacts(1, True, False, None, 8)),
    (*VARIANTS, VariantResult("num_key_value_heads=1", Status.FAILED, math.inf, HOSTILE)),
    (*MUTANTS, MutantResult("mapping.drop", HOSTILE, ())),
)  # fmt: skip
STOPPED = Record(
    "qwen3", "Qwen3ForCausalLM", "generated/qwen3.py", {}, (), 300.2,
    stopped="stopped after 300 s, in hooks.pattern",
)  # fmt: skip
ALL = (GREEN, RED, STOPPED)
