"""The config key that decides something is the one whose value it follows."""

from types import SimpleNamespace
from typing import Any

import pytest

from adaptergen.infer.keys import bias, decided, moved_by, numbers, present, rule
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.structure import decided as comes_to
from tests.infer.tiny_models import as_it_is, odd, refusal, tiny

pytestmark = pytest.mark.usefixtures("exact")


def config(**values: Any) -> SimpleNamespace:
    return SimpleNamespace(**values)


@pytest.mark.parametrize(
    ("seen", "answer"),
    [
        ([(config(a=True), True), (config(a=False), True)], True),
        ([(config(a=True), False)], False),
        ([(config(a=True, b=True), True), (config(a=False, b=True), False)], "a"),
        ([(config(a=True, b=True), True), (config(a=True, b=False), False)], "b"),
        ([(config(b=True), True), (config(), False)], "b"),
    ],
)
def test_rule_is_a_constant_or_a_key(seen: Any, answer: bool | str) -> None:
    assert rule(seen, ["a", "b"], "it") == answer


@pytest.mark.parametrize(
    "seen",
    [
        [(config(a=False), True), (config(a=True), False)],
        [(config(a=a, b=b), a and b) for a in (True, False) for b in (True, False)],
    ],
    ids=["opposite", "both"],
)
def test_what_no_single_key_decides_is_refused(seen: Any) -> None:
    assert refusal(lambda: rule(seen, ["a", "b"], "it")) == "no single config key decides it"


def test_bias_follows_its_key() -> None:
    assert bias(tiny("llama"), "model.layers.0.self_attn.q_proj") == "attention_bias"
    assert bias(tiny("llama"), "model.layers.0.mlp.gate_proj") == "mlp_bias"
    assert bias(tiny("qwen2"), "model.layers.0.self_attn.q_proj") is True
    assert bias(tiny("qwen2"), "model.layers.0.self_attn.o_proj") is False


def test_bias_may_follow_a_key_that_is_not_set() -> None:
    built: Any = [
        SimpleNamespace(config=config(no_bias=value), shapes={} if value else {"mlp.bias": (80,)})
        for value in (True, False)
    ]
    seen: Any = SimpleNamespace(structures=built, values={"no_bias": True, "eps": 1e-5})
    assert bias(seen, "mlp") == "not no_bias"


@pytest.mark.parametrize("name", ["no_bias", "key", "notable"])
def test_a_claim_may_come_to_the_opposite_of_a_key(name: str) -> None:
    for value in (True, False):
        assert comes_to(config(**{name: value}), f"not {name}") is not value
        assert comes_to(config(**{name: value}), name) is value


def test_tied_embeddings_follow_their_key() -> None:
    weights = "model.embed_tokens.weight", "lm_head.weight"
    found = decided(tiny("llama"), lambda built: built.tied(*weights), "tied embeddings")
    assert found == "tie_word_embeddings"


def test_what_is_present_may_not_change_its_kind() -> None:
    """It is one thing under one value of a key, and another under the other."""

    def observed(one: TinyModel) -> str | None:
        return "on" if one.config.attention_bias else "off"

    text = refusal(lambda: present(tiny("llama"), observed, "it"))
    assert text == "it is another under another config"


def test_what_is_present_follows_its_key() -> None:
    def observed(one: TinyModel) -> str | None:
        return "it" if one.config.mlp_bias else None

    assert present(tiny("llama"), observed, "it") == ("it", "mlp_bias")
    assert present(tiny("llama"), lambda one: None, "it") == (None, False)
    assert present(tiny("llama"), lambda one: "it", "it") == ("it", True)


def layers(other: TinyModel, value: int) -> bool:
    return len(other.layers) == value


def test_key_that_moves_it_is_found_among_others() -> None:
    keys = ["vocab_size", "num_hidden_layers"]
    assert moved_by(tiny("llama"), keys, (3, 2), layers) == "num_hidden_layers"
    assert moved_by(tiny("llama"), keys[:1], (100, 90), layers) is None
    assert moved_by(tiny("llama"), [], (3,), layers) is None


def test_key_under_which_hf_runs_nothing_is_not_taken() -> None:
    assert moved_by(tiny("llama"), ["num_attention_heads"], (0,), lambda *_: True) is None


def test_value_under_which_nothing_can_be_seen_does_not_count() -> None:
    def unseen(other: TinyModel, value: int) -> bool:
        if value == 2:
            raise UnavailableError("the pattern", "RuntimeError: there is none")
        return layers(other, value)

    keys = ["num_hidden_layers"]
    assert moved_by(tiny("llama"), keys, (3, 2), unseen) == "num_hidden_layers"
    assert moved_by(tiny("llama"), keys, (2,), unseen) is None


def test_value_that_it_has_already_says_nothing() -> None:
    assert moved_by(tiny("llama"), ["num_hidden_layers"], (4,), layers) is None


def test_numbers_are_whole_and_no_booleans() -> None:
    values = {"a": 1, "b": True, "c": None, "d": 1.0, "e": "1", "f": [1]}
    assert numbers(values) == ["a"]
    assert numbers(values, also_none=True) == ["a", "c"]


def test_world_under_another_config_is_built_once() -> None:
    found = tiny("llama")
    other = found.under({"num_hidden_layers": 2})
    assert other is not None
    assert len(other.layers) == 2
    assert found.under({"num_hidden_layers": 2}) is other
    assert other.settings == {**found.settings, "num_hidden_layers": 2}


def test_world_that_hf_does_not_run_is_none() -> None:
    assert tiny("llama").under({"num_attention_heads": 0}) is None


def test_flips_are_boolean_keys_of_the_architecture() -> None:
    found = tiny("llama")
    assert set(found.flips) == {"attention_bias", "mlp_bias", "tie_word_embeddings", "use_cache"}
    assert found.flips["mlp_bias"].config.mlp_bias is True
    assert "output_attentions" not in found.values


def test_paths_below_layers_are_those_that_are_there() -> None:
    found = odd(as_it_is)
    assert list(found.below("mlp.down_proj")) == [
        f"model.layers.{number}.mlp.down_proj" for number in range(4)
    ]
    assert list(found.below("mlp.nothing")) == []
