"""Keys that do nothing alone are found behind the switches under which they do something."""

from typing import Any

import pytest

from adaptergen.verify.behind import behind_switches, matters, together
from adaptergen.verify.hf import HfModel
from adaptergen.verify.sweep import settings
from adaptergen.verify.tiny import tiny_settings
from tests.verify.conftest import hf_model

NEW = {"new_decoder_architecture": True}


@pytest.fixture(scope="module")
def behind() -> list[dict[str, Any]]:
    return list(behind_switches(hf_model("falcon")))


def test_keys_behind_a_switch_are_moved_with_it(behind: list[dict[str, Any]]) -> None:
    keys = {tuple(changes) for changes in behind}
    assert ("new_decoder_architecture", "num_ln_in_parallel_attn") in keys
    assert ("new_decoder_architecture", "num_kv_heads") in keys
    assert {**NEW, "num_ln_in_parallel_attn": 1} in behind
    moved = settings(hf_model("falcon"))
    assert all(changes in moved for changes in behind)


def test_a_key_is_moved_only_where_it_matters(behind: list[dict[str, Any]]) -> None:
    hf = hf_model("falcon")
    for changes in behind:
        (switch, on), (key, value) = changes.items()
        assert matters(hf, {switch: on})
        assert not matters(hf, {key: value})


def test_a_switch_may_do_nothing_alone() -> None:
    hf = HfModel("Qwen2ForCausalLM", tiny_settings("Qwen2ForCausalLM"))
    assert not matters(hf, {"use_sliding_window": True})
    assert not matters(hf, {"max_window_layers": 1})
    assert {"use_sliding_window": True, "max_window_layers": 1} in list(behind_switches(hf))


def test_keys_that_bring_or_take_parameters_are_moved_together() -> None:
    hf = HfModel("OPTForCausalLM", tiny_settings("OPTForCausalLM"))
    found, moved = list(together(hf)), settings(hf)
    pairs = [{*changes} for changes in found]
    assert {"do_layer_norm_before", "word_embed_proj_dim"} in pairs
    assert all(changes in moved for changes in found)
    assert not any("num_hidden_layers" in pair for pair in pairs)
    assert list(together(hf_model("llama"))) == [{"attention_bias": True, "mlp_bias": True}]


def test_where_no_key_is_behind_another_nothing_is_added() -> None:
    assert list(behind_switches(hf_model("llama"))) == []


def test_what_hf_refuses_does_not_matter() -> None:
    hf = hf_model("llama")
    assert not matters(hf, {"hidden_size": 49})
    assert not matters(hf, {"hidden_act": "no activation"})
    assert matters(hf, {"attention_bias": True})
    assert matters(hf, {"rms_norm_eps": 0.5})
    assert not matters(hf, {"initializer_range": 0.5})
