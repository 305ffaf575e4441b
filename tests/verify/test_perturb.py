"""Configs one step away: one field each, values of its type, derived fields left to HF."""

from typing import Any

import pytest
from transformers import LlamaConfig, Qwen2Config

from adaptergen.verify.perturb import perturbations
from tests.verify.conftest import hf_model


def moved(config: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for field, changes in perturbations(config):
        assert list(changes) == [field]
        found.setdefault(field, []).append(changes[field])
    return found


def test_each_value_differs_from_the_one_that_is_set_and_comes_once() -> None:
    for name in ("llama", "smollm3"):
        config = hf_model(name).config
        for field, values in moved(config).items():
            values = [getattr(config, field), *values]
            assert all(one not in values[:i] for i, one in enumerate(values)), field


def test_values_are_of_the_field_s_type() -> None:
    found = moved(LlamaConfig(head_dim=16, num_key_value_heads=2, attention_dropout=0.0))
    assert found["attention_bias"] == [True]
    assert found["num_key_value_heads"] == [3, 4, 1, None]
    assert found["rms_norm_eps"] == [2e-06, 0.100001]
    assert found["hidden_act"] == ["gelu", "gelu_pytorch_tanh", "relu", "relu2", "tanh"]
    assert found["pad_token_id"] == [8]
    assert {"model_type", "architectures", "id2label", "dtype"}.isdisjoint(found)


def test_lists_are_mixed_made_uniform_and_reversed() -> None:
    config = Qwen2Config(num_hidden_layers=2, layer_types=["full_attention"] * 2)
    full, sliding = "full_attention", "sliding_attention"
    assert moved(config)["layer_types"] == [[full, sliding], [sliding, sliding], None]
    assert moved(hf_model("smollm3").config)["no_rope_layers"][:3] == [
        [0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_every_type_of_rope_scaling_comes_with_parameters_that_hf_takes(name: str) -> None:
    hf = hf_model(name)
    values = moved(hf.config)["rope_parameters"]
    kinds = {value["rope_type"] for value in values if value}
    assert kinds == {"default", "linear", "dynamic", "yarn", "llama3", "longrope"}
    for value in values:
        type(hf.config)(**{**hf.settings, "rope_parameters": value})
