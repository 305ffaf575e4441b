"""Old names of config keys mean what they did, and those that mean nothing are known."""

from typing import Any

import pytest

from adaptergen.verify.spelling import respelled, unknown

LINEAR = {"rope_type": "linear", "factor": 2.0, "rope_theta": 300.0}


@pytest.mark.parametrize(
    ("name", "given", "found"),
    [
        ("Llama", {"attention_bias": True}, {"attention_bias": True}),
        ("Llama", {"rope_theta": 5e5}, {"rope_parameters": {"rope_theta": 5e5}}),
        ("Phi", {"partial_rotary_factor": 0.4}, {"rope_parameters": {"rope_theta": 10000.0}}),
        ("Falcon", {"n_embed": 64}, {"hidden_size": 64, "ffn_hidden_size": 256}),
        ("GPTJ", {"hidden_size": 64}, {"n_embd": 64}),
    ],
)
def test_old_names_become_todays(name: str, given: dict[str, Any], found: dict[str, Any]) -> None:
    told = respelled(f"{name}ForCausalLM", given)
    assert told.keys() == found.keys()
    for key, value in found.items():
        inside = isinstance(value, dict)
        assert told[key].items() >= value.items() if inside else told[key] == value


def test_old_names_change_of_a_mapping_what_they_say() -> None:
    base = {"rope_parameters": LINEAR, "hidden_size": 64}
    told = respelled("LlamaForCausalLM", {"rope_theta": 5e5}, base)
    assert told == {"rope_parameters": {**LINEAR, "rope_theta": 5e5}}


def test_old_names_reach_each_kind_of_layer() -> None:
    told = respelled("Gemma3ForCausalLM", {"rope_theta": 5.0, "rope_local_base_freq": 3.0})
    by_kind = {kind: inner["rope_theta"] for kind, inner in told["rope_parameters"].items()}
    assert by_kind == {"full_attention": 5.0, "sliding_attention": 3.0}


def test_what_is_given_is_left_as_it_was() -> None:
    given = {"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}}
    respelled("LlamaForCausalLM", given)
    assert given == {"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}}


def test_what_hf_refuses_stays_as_it_is() -> None:
    given = {"hidden_size": "wide", "rope_theta": 5e5}
    assert respelled("LlamaForCausalLM", given) == given


@pytest.mark.parametrize(
    ("key", "value"), [("nosuch", 1), ("temperature", 2.0), ("rope_tetha", 5e5), ("n_embed", 64)]
)
def test_keys_that_mean_nothing_are_unknown(key: str, value: object) -> None:
    assert unknown("LlamaForCausalLM", {key: value, "rope_theta": 1e4, "mlp_bias": True}) == [key]


@pytest.mark.parametrize("value", [None, {"type": "linear", "factor": 2.0}])
def test_scaling_is_known_whatever_its_value(value: object) -> None:
    assert unknown("LlamaForCausalLM", {"rope_scaling": value}) == []


def test_settings_of_a_class_that_transformers_lacks_stay_for_the_checks_to_speak_of() -> None:
    assert respelled("UnheardOfForCausalLM", {"rope_theta": 1.0}) == {"rope_theta": 1.0}
