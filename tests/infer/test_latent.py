"""Attention through latents."""

from typing import Any

import pytest
from torch import nn

from adaptergen.infer.latent import latent_attention, latents
from tests.infer.tiny_models import as_it_is, attention, odd, refusal, spec_of, tiny, unlike

pytestmark = pytest.mark.usefixtures("exact")
INNER = "model.layers.0.self_attn"


@pytest.mark.parametrize("name", ["deepseek_v3", "deepseek_v2"])
def test_latents_are_those_of_the_spec(name: str) -> None:
    facet = latent_attention(tiny(name), attention(name), "self_attn")
    assert facet is not None
    window = spec_of(name).model_dump(by_alias=True)["attention"]["window"]
    assert unlike(name, attention={**facet, "window": window}) == {}


@pytest.mark.parametrize("name", ["llama", "qwen3", "olmo2", "bitnet"])
def test_attention_without_latents_has_none(name: str) -> None:
    assert latents(tiny(name), attention(name)) == {}


def test_latent_of_keys_that_is_not_normed_is_refused() -> None:
    def change(block: Any) -> None:
        block.self_attn.kv_a_layernorm = nn.Identity()

    found = odd(change, "deepseek_v3")
    message = "attention has latents that no facet describes"
    assert refusal(lambda: latents(found, INNER)) == message


def test_queries_that_are_compressed_under_every_config_are_refused() -> None:
    def fix(config: Any) -> None:
        config.q_lora_rank = 24

    found = odd(as_it_is, "deepseek_v3", config=fix)
    message = "no config key decides whether queries are compressed"
    assert refusal(lambda: latent_attention(found, INNER, "self_attn")) == message
