"""False claims, and the leaf of the spec that is blamed first for each."""

from typing import Any, NamedTuple

import pytest

from adaptergen.spec.leaves import leaves
from adaptergen.spec.versions import replaced
from adaptergen.verify.causes import diagnose
from adaptergen.verify.checks import ALL
from adaptergen.verify.mutants import runner
from adaptergen.verify.record import Record
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.conftest import rarely
from tests.verify.conftest import hf_model, load, module_of

CLAIMS = [c for c in ALL if c.group == "claims"]
QUICK = [c for c in CLAIMS if c.name not in runner.EXPENSIVE]


class FalseClaim(NamedTuple):
    """A change of a spec, and the claim to blame; `slow` if it takes a check that takes long."""

    spec: str
    change: dict[str, Any]
    claim: str
    slow: bool = False


def exchanged(spec: str, facet: str, one: str, other: str) -> dict[str, Any]:
    """Two names of a facet in each other's place."""
    names: Any = load(spec).spec.model_dump(by_alias=True)
    for key in facet.split("."):
        names = names[key]
    return {f"{facet}.{one}": names[other], f"{facet}.{other}": names[one]}


def swap(spec: str, one: str, other: str, *, blamed: str) -> FalseClaim:
    """The claims of two names, exchanged."""
    facet, _, name = one.rpartition(".")
    return FalseClaim(spec, exchanged(spec, facet, name, other), f"{facet}.{blamed}")


OPAQUE = {"kind": "opaque", "reason": "This is a test.", "path": "self_attn"}
MANY = {"when": "multi_query", "unless": "output_hidden_states"}
OTHER = {"when": "use_cache", "unless": "new_decoder_architecture"}

FALSE = [
    # Latents.
    FalseClaim("deepseek_v3", {"attention.compressed": "nosuch"}, "attention.compressed"),
    FalseClaim("deepseek_v3", {"attention.compressed": "kv_lora_rank"}, "attention.compressed"),
    FalseClaim("deepseek_v3", {"attention.q_a": "q_a_layernorm"}, "attention.q_a"),
    FalseClaim("deepseek_v3", {"attention.bias": False}, "attention.bias"),
    swap("deepseek_v3", "attention.q_a", "q_b", blamed="q_a"),
    swap("deepseek_v3", "attention.q_a", "kv_a", blamed="kv_a"),
    swap("deepseek_v3", "attention.q_b", "kv_b", blamed="kv_b"),
    swap("deepseek_v3", "attention.kv_norm", "q_norm", blamed="kv_norm"),
    swap("deepseek_v3", "attention.kv_a", "o", blamed="kv_a"),
    FalseClaim("deepseek_v2", {"attention.compressed": "nosuch"}, "attention.compressed"),
    # Heads.
    FalseClaim("falcon", {"attention.heads.single": MANY}, "attention.heads.single.unless"),
    FalseClaim("falcon", {"attention.heads.single": OTHER}, "attention.heads.single.when", True),
    FalseClaim("falcon", {"attention.heads.query": "num_kv_heads"}, "attention.heads.query"),
    FalseClaim(
        "falcon", {"attention.heads.key_value": "num_hidden_layers"}, "attention.heads.key_value"
    ),
    FalseClaim("bitnet", {"attention.heads.query": "num_key_value_heads"}, "attention.heads.query"),
    FalseClaim(
        "qwen3", {"attention.heads.query": "num_hidden_layers"}, "attention.heads.query", True
    ),
    # Projections.
    swap("falcon", "attention.projections.qkv", "o", blamed="qkv"),
    swap("phi", "attention.projections.q", "o", blamed="q"),
    swap("gemma2", "attention.projections.q", "o", blamed="q"),
    FalseClaim("qwen2", {"attention.projections.v": "k_proj"}, "attention.projections.v"),
    # MLPs.
    FalseClaim("llama", {"mlp": OPAQUE}, "mlp.path"),
    FalseClaim("mistral", {"mlp.gate": "up_proj"}, "mlp.gate"),
    FalseClaim("mistral", {"mlp.in": "gate_proj"}, "mlp.in"),
    swap("mistral", "mlp.in", "out", blamed="out"),
    FalseClaim("bitnet", {"mlp.out": "gate_proj"}, "mlp.out"),
    FalseClaim("phi", {"mlp.out": "fc1"}, "mlp.out"),
    FalseClaim("phi", {"mlp.in": "fc2"}, "mlp.in"),
    FalseClaim("deepseek_v3", {"mlp.shared.bias": True}, "mlp.shared.bias"),
    FalseClaim("deepseek_v3", {"mlp.dense.bias": "attention_bias"}, "mlp.dense.bias"),
    FalseClaim("llama", {"mlp.act": None}, "mlp.act", True),
    # Norms and blocks.
    swap("gemma2", "block.ln2", "ln2_post", blamed="ln2"),
    FalseClaim("llama", {"block.ln2": "input_layernorm"}, "block.ln2"),
    FalseClaim("bitnet", {"norm.eps": None}, "norm.eps", True),
    # The class, and what the spec refuses.
    FalseClaim("llama", {"architecture": "GPT2LMHeadModel"}, "architecture"),
    FalseClaim("llama", {"model_type": "gpt2"}, "model_type"),
    FalseClaim(
        "llama", {"refused.tie_word_embeddings": "No."}, "refused.tie_word_embeddings", True
    ),
]


def named(false: FalseClaim) -> str:
    return f"{false.spec} {' '.join(f'{k}={v}' for k, v in false.change.items())}"


# In the quick tests one of each kind of fault.
OFTEN = [FALSE[number] for number in (0, 3, 5, 10, 12, 16, 20, 23, 30, 33)]
RARELY = [false for false in FALSE if false not in OFTEN]


@pytest.mark.parametrize(
    "false", rarely([*OFTEN, *RARELY], len(OFTEN), pytest.mark.full), ids=named
)
def test_the_false_claim_itself_is_blamed_first(false: FalseClaim) -> None:
    right = load(false.spec).spec
    spec = replaced(right, false.change)
    same = spec.architecture == right.architecture
    subject = Subject(spec, module_of(false.spec), hf=hf_model(false.spec) if same else None)
    results = run_checks(subject, CLAIMS if false.slow else QUICK)
    first = diagnose(Record(false.spec, spec.architecture, "", {}, tuple(results), 0.0)).causes[0]
    assert first.problem.claim == false.claim, first.problem.message


@pytest.mark.parametrize("false", FALSE, ids=named)
def test_what_is_blamed_is_what_was_changed(false: FalseClaim) -> None:
    assert any(f"{false.claim}.".startswith(f"{key}.") for key in false.change)
    spec = replaced(load(false.spec).spec, false.change)
    changed = {leaf.claim for leaf in leaves(spec)} | false.change.keys()
    assert false.claim in changed
