"""Which config keys the claims name, and what an unnamed one leads to."""

from typing import Any

import pytest

from adaptergen.spec.leaves import keys_named
from adaptergen.spec.load import Loader
from adaptergen.verify.checks import claims_fields
from adaptergen.verify.perturb import moves
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.verify.conftest import ROOT, changed, hf_model, load, module_of

DELEGATED = ROOT / "tests" / "verify" / "delegated"


def test_named_keys_are_those_that_claims_name() -> None:
    assert set(keys_named(load("smollm3").spec)) == {
        "attention_bias", "mlp_bias", "tie_word_embeddings",
        "num_attention_heads", "num_key_value_heads", "head_dim",
        "rms_norm_eps", "hidden_act",
    }  # fmt: skip
    assert keys_named(load("mistral").spec)["sliding_window"] == "attention.window.config"
    keys = keys_named(load("granite").spec)
    assert keys["residual_multiplier"] == "multipliers.residual"
    assert keys["logits_scaling"] == "multipliers.logits.divide"
    assert keys_named(load("qwen3_moe").spec)["num_experts"] == "mlp.count"
    assert keys_named(load("gpt_neox").spec)["use_parallel_residual"] == "layouts.0.when"
    assert keys_named(load("hyperclovax").spec)["use_post_norm"] == "block.post_norms"
    assert keys_named(load("phimoe").spec)["lm_head_bias"] == "unembed_bias"
    assert hf_model("mistral").config.sliding_window == 8


@pytest.mark.parametrize(
    ("name", "change", "accused"),
    [
        ("llama", {}, []),
        ("smollm3", {"attention.rope.layers": "all"}, ["no_rope_layers", "no_rope_layer_interval"]),
        ("qwen2", {"attention.window": "none"}, ["use_sliding_window", "sliding_window"]),
        ("llama", {"attention.bias": False}, ["attention_bias"]),
        ("llama", {"tied_embeddings": False}, ["tie_word_embeddings"]),
        ("llama", {"norm.eps": None}, ["rms_norm_eps"]),
        ("llama", {"mlp.act": None}, ["hidden_act"]),
        ("granite", {"multipliers.embedding": None}, ["embedding_multiplier"]),
        ("granite", {"multipliers.residual": None}, ["residual_multiplier"]),
        ("granite", {"multipliers.logits": "none"}, ["logits_scaling"]),
    ],
)
def test_a_key_that_loses_its_claim_is_accused(
    name: str, change: dict[str, Any], accused: list[str]
) -> None:
    subject = Subject(changed(name, change), module_of(name), hf=hf_model(name))
    (result,) = run_checks(subject, [claims_fields.config])
    named = [
        problem.message.split("no claim names ")[1].split(",")[0] for problem in result.problems
    ]
    assert set(accused) <= {name.strip("'") for name in named}
    assert bool(named) == bool(accused)


def test_a_key_that_spreads_the_weights_of_new_models_does_nothing() -> None:
    spec = Loader([str(ROOT / "specs")]).load(str(DELEGATED / "diffllama.yaml")).spec
    subject = Subject(spec, "unused.py")
    assert subject.hf.config.lambda_std_dev != 0.5
    assert claims_fields.effect(subject, {"lambda_std_dev": 0.5}) == ""


LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "factor": 2.0,
    "short_factor": [1.0 + 0.05 * i for i in range(6)],
    "long_factor": [1.0 + 0.5 * i for i in range(6)],
}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}


@pytest.mark.parametrize(
    ("name", "overrides", "key"),
    [
        (
            "phi3",
            {"head_dim": 12, "rope_parameters": LONGROPE},
            "original_max_position_embeddings",
        ),
        (
            "llama",
            {"max_position_embeddings": 30, "rope_parameters": DYNAMIC},
            "max_position_embeddings",
        ),
    ],
)
def test_a_key_that_only_positions_are_computed_from_needs_no_waiver_of_its_own(
    name: str, overrides: dict[str, Any], key: str
) -> None:
    spec = load(name).spec
    subject = Subject(spec, module_of(name), overrides)
    (result,) = run_checks(subject, [claims_fields.config])
    assert result.problems == ()
    moved = moves(subject.hf.config)[key]
    assert any(claims_fields.effect(subject, change) for change in moved)
