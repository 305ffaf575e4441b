"""Keys that do nothing alone are found behind the switches under which they do something."""

from typing import Any

import pytest

from adaptergen.verify.behind import behind_switches, matters
from adaptergen.verify.sweep import settings
from tests.verify.conftest import hf_model


@pytest.fixture(scope="module")
def behind() -> list[dict[str, Any]]:
    return list(behind_switches(hf_model("falcon")))


def test_keys_behind_a_switch_are_moved_with_it(behind: list[dict[str, Any]]) -> None:
    keys = {tuple(changes) for changes in behind}
    assert ("new_decoder_architecture", "num_ln_in_parallel_attn") in keys
    assert ("new_decoder_architecture", "num_kv_heads") in keys
    moved = settings(hf_model("falcon"))
    assert all(changes in moved for changes in behind)


def test_a_key_is_moved_only_where_it_matters(behind: list[dict[str, Any]]) -> None:
    hf = hf_model("falcon")
    for changes in behind:
        (switch, on), (key, value) = changes.items()
        assert matters(hf, {switch: on})
        assert not matters(hf, {key: value})


def test_where_no_key_is_behind_another_nothing_is_added() -> None:
    assert list(behind_switches(hf_model("llama"))) == []


def test_what_hf_refuses_does_not_matter() -> None:
    hf = hf_model("llama")
    assert not matters(hf, {"hidden_size": 49})
    assert not matters(hf, {"hidden_act": "no activation"})
    assert matters(hf, {"attention_bias": True})
    assert matters(hf, {"rms_norm_eps": 0.5})
    assert not matters(hf, {"initializer_range": 0.5})
