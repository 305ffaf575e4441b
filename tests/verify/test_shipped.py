"""Adapters that TransformerLens ships: found wrong where they are, with and without a spec."""

import inspect
from typing import Any

import pytest
from transformers.models.mixtral.modeling_mixtral import MixtralAttention

from adaptergen.verify.hf import HfModel
from adaptergen.verify.precision import comparable
from adaptergen.verify.record import Status
from adaptergen.verify.shipped import ShippedSubject, verify_shipped
from adaptergen.verify.shipped.checks import ALL, SWEPT
from adaptergen.verify.shipped.subject import layers_of
from adaptergen.verify.sweep import examine
from adaptergen.verify.tiny import tiny_settings
from tests.conftest import Run

# TransformerLens 4.3 hands the cache on under the name that it had until transformers 5.24.
RENAMED = "cache" in inspect.signature(MixtralAttention.forward).parameters
IGNORED = ["cache.prefill", "cache.padding", "cache.generate"] if RENAMED else []


def _complaint(architecture: str, changes: dict[str, Any]) -> str:
    with comparable():
        return examine(ShippedSubject(architecture), changes, SWEPT).complaint


@pytest.mark.parametrize(
    ("architecture", "changes", "expected"),
    [
        ("Olmo2ForCausalLM", {"attention_bias": True}, "shape '[4, 16]' is invalid for input"),
        ("Olmo2ForCausalLM", {"attention_bias": True, "num_key_value_heads": 4}, ""),
        ("PhiForCausalLM", {"num_key_value_heads": 2}, "in compatibility mode failed"),
        ("PhiForCausalLM", {"num_key_value_heads": 4}, ""),
        ("PhiForCausalLM", {"qk_layernorm": True}, "has 'q_layernorm' but adapter did not declare"),
    ],
    ids=str,
)
def test_defect_one_field_away(architecture: str, changes: dict[str, Any], expected: str) -> None:
    complaint = _complaint(architecture, changes)
    assert (expected in complaint) if expected else complaint == ""


def test_value_biases_folded_in_spite_of_attention_sinks() -> None:
    record = verify_shipped("GptOssForCausalLM", {})
    *caches, failure = record.failures
    assert [result.check for result in caches] == IGNORED
    assert failure.check == "weights.compatibility"
    assert (failure.worst or 0.0) > 0.1
    assert not record.passed
    unbiased = verify_shipped("GptOssForCausalLM", {"attention_bias": False})
    assert [result.check for result in unbiased.failures] == IGNORED


def test_caches_are_ignored_under_the_name_that_hf_has_for_them_since_5_24() -> None:
    record = verify_shipped("MixtralForCausalLM", {})
    assert [result.check for result in record.failures] == IGNORED
    assert all((result.worst or 1.0) > 0.1 for result in record.failures)
    assert [result.check for result in record.results] == [check.name for check in ALL]


@pytest.mark.parametrize("architecture", ["OPTForCausalLM", "GPTNeoXForCausalLM"])
def test_a_right_adapter_passes(architecture: str) -> None:
    record = verify_shipped(architecture, {})
    assert record.failures == []
    assert record.passed
    assert {result.status for result in record.results} == {Status.PASSED}
    assert [result.check for result in record.results] == [check.name for check in ALL]


def test_layers_are_found_by_running_the_model() -> None:
    hf = HfModel("GPT2LMHeadModel", tiny_settings("GPT2LMHeadModel"))
    assert layers_of(hf) == {number: f"transformer.h.{number}" for number in range(4)}


def test_command_line_without_a_spec(run: Run) -> None:
    adapter = "transformer_lens:FalconH1ForCausalLM"
    outcome = run("verify", "--quiet", "--adapter", adapter, "--only", "weights")
    assert outcome.status == 1
    assert "weights.compatibility: log-probability" in outcome.out


def test_command_line_with_a_spec(run: Run) -> None:
    adapter = "transformer_lens:LlamaForCausalLM"
    outcome = run("verify", "--quiet", "--adapter", adapter, "--only", "claims.norm")
    assert outcome.status == 0
    assert "llama (LlamaForCausalLM): verified, 1 check" in outcome.out


def test_unknown_adapter(run: Run) -> None:
    outcome = run("verify", "--adapter", "transformer_lens:Olmo2ForCausalLN")
    assert outcome.status == 2
    assert "ships no adapter for Olmo2ForCausalLN" in outcome.err
    assert "Olmo2ForCausalLM" in outcome.err
    outcome = run("verify", "--adapter", "transformer_lens:PhiMoEForCausalLM")
    assert (outcome.status, "transformers" in outcome.err) == (2, True)


@pytest.mark.parametrize("adapter", ["Olmo2ForCausalLM", "elsewhere:X", "transformer_lens:a.b"])
def test_malformed_adapter(adapter: str, run: Run) -> None:
    with pytest.raises(SystemExit) as ended:
        run("verify", "--adapter", adapter)
    assert ended.value.code == 2
