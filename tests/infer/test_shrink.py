"""Tiny models: small, with everything that layers can differ by, and nothing that hides."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch

from adaptergen.errors import Unusable
from adaptergen.infer import shrink as smaller
from adaptergen.infer.shrink import as_usual, shrunk
from adaptergen.infer.tiny_model import TinyModel
from tests.infer.tiny_models import as_it_is, odd

pytestmark = pytest.mark.usefixtures("exact")
# What is counted, or is the sum of two sizes.
COUNTS = {"num_hidden_layers", "num_attention_heads", "num_key_value_heads", "qk_head_dim"}


@cache
def tiny(architecture: str, **fixed: Any) -> TinyModel:
    return shrunk(architecture, {}, fixed)


def tiny_under(architecture: str, **given: Any) -> Any:
    return shrunk(architecture, given, {}).config


@pytest.mark.parametrize("name", ["Llama", "Qwen2Moe", "GPT2LMHead", "DeepseekV3", "Falcon"])
def test_model_is_small_and_runs(name: str) -> None:
    found = tiny(f"{name}Model" if name.endswith("Head") else f"{name}ForCausalLM")
    assert found.hf.seen.logits.isfinite().all()
    assert found.config.num_hidden_layers == 4
    assert sum(p.numel() for p in found.hf.model.parameters()) < 500_000


@pytest.mark.parametrize("name", ["Llama", "Qwen2Moe", "Gemma2", "DeepseekV3"])
def test_sizes_differ_from_each_other(name: str) -> None:
    settings = tiny(f"{name}ForCausalLM").settings
    sizes = {k: v for k, v in settings.items() if type(v) is int and v > 8 and k not in COUNTS}
    assert len(sizes) > 3
    assert max(Counter(sizes.values()).values()) == 1


def test_key_and_value_heads_are_fewer_where_they_can_be() -> None:
    assert tiny("LlamaForCausalLM").config.num_key_value_heads == 2
    assert tiny("DeepseekV3ForCausalLM").config.num_key_value_heads == 4


def test_head_size_is_no_quotient_where_hf_allows() -> None:
    config = tiny("SmolLM3ForCausalLM").config
    assert config.head_dim != config.hidden_size // config.num_attention_heads


def test_head_size_that_hf_forgets_elsewhere_is_what_it_was() -> None:
    found = tiny("PhiForCausalLM")
    assert found.settings["head_dim"] == 12
    assert "qk_layernorm" in found.flips


def test_windows_are_on_and_narrower_than_the_text() -> None:
    found = tiny("SmolLM3ForCausalLM")
    assert found.config.use_sliding_window is True
    assert found.config.sliding_window < found.hf.length
    assert set(found.config.layer_types) == {"sliding_attention", "full_attention"}


def test_experts_and_dense_layers_are_both_there() -> None:
    found = tiny("Qwen2MoeForCausalLM")
    kinds = {type(found.hf.module(path)).__name__ for path in found.below("mlp")}
    assert len(kinds) == 2


def test_constants_that_multiply_are_not_one() -> None:
    config = tiny("GraniteForCausalLM").config
    names = ("embedding_multiplier", "residual_multiplier", "logits_scaling")
    values = [getattr(config, name) for name in (*names, "attention_multiplier")]
    assert 1.0 not in values
    assert len(set(values)) == len(values)


def test_values_of_the_user_win() -> None:
    found = tiny("GraniteForCausalLM", logits_scaling=1.0, num_hidden_layers=3, hidden_size=64)
    config = found.config
    assert (config.logits_scaling, config.num_hidden_layers, config.hidden_size) == (1.0, 3, 64)
    assert tiny("SmolLM3ForCausalLM", use_sliding_window=False).config.use_sliding_window is False


def test_heads_are_as_wide_as_the_model_where_code_takes_that_for_granted() -> None:
    config = tiny("HeliumForCausalLM").config
    assert config.head_dim * config.num_attention_heads == config.hidden_size


def test_class_without_a_head_size_of_its_own_is_shrunk_all_the_same() -> None:
    config = tiny("FalconForCausalLM").config
    assert config.hidden_size // config.num_attention_heads * 4 == config.hidden_size


@pytest.mark.parametrize(
    ("name", "given", "small"),
    [
        ("Falcon", {"num_attention_heads": 96, "num_kv_heads": 12}, {"num_kv_heads": 2}),
        ("Falcon", {"num_attention_heads": 64, "num_kv_heads": 64}, {"num_kv_heads": 4}),
        ("Falcon", {"num_attention_heads": 48, "num_kv_heads": 1}, {"num_kv_heads": 1}),
        ("Llama", {"n_query_group": 8, "num_attention_heads": 64}, {"n_query_group": 2}),
        ("Llama", {"kv_channels": 128}, {"kv_channels": 16}),
        ("Llama", {"rotary_dim": 32}, {"rotary_dim": 4}),
        ("Llama", {"moe_topk": 8, "num_shared_experts": 3}, {"moe_topk": 2}),
        ("Llama", {"num_kv_shared_layers": 3, "lora_rank": 12}, {}),
    ],
)
def test_sizes_that_depend_on_others_shrink_with_them(
    name: str, given: dict[str, Any], small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Llama asks for none of its own.
    monkeypatch.setattr(smaller, "_of_known_keys", lambda tiny: tiny)
    decoder = {"new_decoder_architecture": True, "hidden_size": 128 * 96}
    given = {**(decoder if name == "Falcon" else {}), **given}
    found = shrunk(f"{name}ForCausalLM", given, {}).config
    assert {key: getattr(found, key) for key in small} == small
    others = given.keys() - small.keys() - {"hidden_size", "num_attention_heads"}
    assert {key: getattr(found, key) for key in others} == {key: given[key] for key in others}


def test_factors_are_as_many_as_pairs_of_a_small_head() -> None:
    factors = [1.0 + 0.1 * i for i in range(48)]
    given = {"rope_type": "longrope", "short_factor": factors, "long_factor": factors[::-1]}
    config = tiny_under("Phi3ForCausalLM", rope_parameters=given)
    assert config.rope_parameters["short_factor"] == factors[::8]
    assert config.rope_parameters["long_factor"] == factors[::-1][::8]


def test_class_as_usual_has_its_own_switches_and_counts() -> None:
    given = {"new_decoder_architecture": True, "num_kv_heads": 8, "num_attention_heads": 32}
    given |= {"hidden_size": 4096, "bias": True, "activation": "relu"}
    found = as_usual("FalconForCausalLM", given, {"bias": True})
    assert found is not None
    kept = {"activation": "relu", "bias": True, "new_decoder_architecture": False}
    assert {key: getattr(found.config, key) for key in kept} == kept
    assert found.config.num_kv_heads == 4


def test_config_that_is_none_without_its_counts_has_nothing_usual() -> None:
    rope = {"rope_type": "longrope", "short_factor": [1.0] * 32, "long_factor": [2.0] * 32}
    given = {"rope_parameters": rope, "num_attention_heads": 48, "tie_word_embeddings": True}
    assert as_usual("Phi3ForCausalLM", given, {}) is None


def test_config_that_switches_nothing_is_as_usual_already() -> None:
    assert as_usual("FalconForCausalLM", {"hidden_size": 4096, "activation": "relu"}, {}) is None


def test_guess_that_hf_refuses_is_no_obstacle() -> None:
    def wants(config: Any) -> None:
        if config.moe_topk != 7:
            raise ValueError("seven, or nothing")

    found = odd(as_it_is, config=wants)
    assert shrunk(found.architecture, {"moe_topk": 7}, {}).config.moe_topk == 7


def test_model_that_hf_cannot_run_small_is_refused_with_its_sizes() -> None:
    with pytest.raises(Unusable) as refused:
        tiny("T5ForConditionalGeneration")
    assert str(refused.value).startswith("no small model of T5ForConditionalGeneration: ")
    assert "set sizes yourself with --tiny KEY=VALUE: vocab_size = 32128" in str(refused.value)


def spoiled(value: float) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.lm_head.register_forward_hook(lambda _, __, output: output * value)

    return change


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_model_without_finite_logits_is_refused(value: float) -> None:
    found = odd(as_it_is, model=spoiled(value))
    with pytest.raises(Unusable, match="its logits are not finite"):
        tiny(found.architecture)


def handed_halves(block: Any) -> None:
    """Positions of an odd number of elements, which this model does not look at."""

    def hand(_: Any, args: Any, kwargs: Any) -> Any:
        return args, {**kwargs, "more_positions": (torch.ones(1, 24, 15), torch.zeros(1, 24, 15))}

    block.register_forward_pre_hook(hand, with_kwargs=True)


def test_odd_number_of_elements_that_rotate_is_no_model() -> None:
    with pytest.raises(Unusable, match="half a pair of a head's elements would rotate"):
        tiny(odd(handed_halves).architecture)


def test_same_class_is_shrunk_to_the_same_model() -> None:
    one, two = (shrunk("LlamaForCausalLM", {}, {}) for _ in range(2))
    assert one.settings == two.settings
    assert torch.equal(one.hf.seen.logits, two.hf.seen.logits)
