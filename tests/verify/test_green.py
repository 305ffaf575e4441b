"""The five specs and their generated modules pass everything, in float64."""

from typing import Any

import pytest
import torch
from transformer_lens.factories.architecture_adapter_factory import ArchitectureAdapterFactory

from adaptergen.errors import Failure
from adaptergen.verify import verify
from adaptergen.verify.checks import ALL
from adaptergen.verify.layers import layer_facts
from adaptergen.verify.record import CheckResult, Record, Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.verify.conftest import changed, load, module_of

SPECS = ("llama", "mistral", "qwen2", "qwen3", "smollm3")
RAW, PROCESSED = 1e-12, 5e-6


def _skips(record: Record) -> dict[str, str]:
    return {r.check: r.message for r in record.results if r.status is Status.SKIPPED}


@pytest.mark.parametrize("name", SPECS)
def test_spec_passes(name: str) -> None:
    announced: list[str] = []
    record = verify(load(name), module_of(name), progress=announced.append)
    assert record.failures == []
    assert record.passed
    assert announced[0] == f"{name}: claims.architecture"
    assert len(announced) == len(record.results)
    assert len(record.layers) == load(name).spec.tiny["num_hidden_layers"]
    assert all(layer.agree for layer in record.layers)
    for result in record.results:
        processed = result.check == "weights.compatibility" or result.group == "variants"
        assert (result.worst or 0.0) <= (PROCESSED if processed else RAW), result.check
    no_window = {"forward.window": "no layer of HF has a window shorter than 24 tokens"}
    assert _skips(record) == (no_window if name == "llama" else {})


@pytest.mark.parametrize(
    ("overrides", "skips"),
    [
        ({"attention_bias": True}, set()),
        ({"mlp_bias": True}, set()),
        ({"no_rope_layers": [1, 0, 0, 1]}, set()),
        ({"no_rope_layers": [0, 0, 0, 0]}, {"claims.rope.pairing"}),
        ({"no_rope_layers": [1, 1, 1, 1]}, {"forward.window"}),
        ({"tie_word_embeddings": False, "num_key_value_heads": 4}, set()),
        ({"sliding_window": 30}, set()),
    ],
    ids=str,
)
def test_smollm3_passes_on_other_configs(overrides: dict[str, Any], skips: set[str]) -> None:
    record = verify(load("smollm3"), module_of("smollm3"), overrides)
    assert record.failures == []
    assert set(_skips(record)) == skips
    assert record.overrides == overrides


def test_layers_as_claimed_and_as_probed() -> None:
    right = layer_facts(Subject(load("smollm3").spec, module_of("smollm3")))
    assert [layer.rotates_found for layer in right] == [True, True, True, False]
    assert [layer.window_found for layer in right] == [None, None, None, 8]
    spec = changed("smollm3", {"attention.rope.layers": "all", "attention.window": "none"})
    wrong = layer_facts(Subject(spec, module_of("smollm3")))
    assert [layer.agree for layer in wrong] == [True, True, True, False]
    assert (wrong[3].rotates_claimed, wrong[3].rotates_found) == (True, False)
    assert (wrong[3].window_claimed, wrong[3].window_found) == (None, 8)


def test_layers_of_a_spec_that_does_not_fit_are_unknown() -> None:
    spec = changed("smollm3", {"paths.blocks": "model.blocks"})
    assert layer_facts(Subject(spec, module_of("smollm3"))) == ()


def test_a_config_key_that_hf_ignores_is_refused() -> None:
    with pytest.raises(Failure) as caught:
        verify(load("smollm3"), module_of("smollm3"), {"atention_bias": True})
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message == "'atention_bias' is no config key of SmolLM3ForCausalLM"
    assert diagnostic.hint == "did you mean 'attention_bias'?"


def _checked(name: str) -> list[CheckResult]:
    checks = [check for check in ALL if check.group in ("forward", "weights")]
    return run_checks(Subject(load(name).spec, module_of(name)), checks)


def test_verifying_leaves_the_libraries_as_they_were() -> None:
    before = dict(ArchitectureAdapterFactory._adapters)
    softmax, threads = torch.nn.functional.softmax, torch.get_num_threads()
    _checked("smollm3")
    assert before == ArchitectureAdapterFactory._adapters
    assert torch.nn.functional.softmax is softmax
    assert torch.get_num_threads() == threads


def test_two_runs_find_the_same() -> None:
    one, other = _checked("qwen3"), _checked("qwen3")
    assert [(r.check, r.worst) for r in one] == [(r.check, r.worst) for r in other]
