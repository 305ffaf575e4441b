"""Config keys that count heads are those that move the counts."""

from typing import Any

import pytest

from adaptergen.infer.attention import projections
from adaptergen.infer.heads import heads
from adaptergen.infer.tiny_model import TinyModel
from tests.infer.tiny_models import (
    as_it_is,
    attention,
    odd,
    projected,
    refusal,
    spec_of,
    tiny,
    unlike,
)

pytestmark = pytest.mark.usefixtures("exact")
INNER = "model.layers.0.self_attn"


@pytest.mark.parametrize("name", ["llama", "phi3", "gpt_neox", "falcon", "stablelm"])
def test_heads_are_those_of_the_spec(name: str) -> None:
    found = projected(name)
    counts, layout = heads(tiny(name), attention(name), found)
    layouts = {"layout": layout} if layout else {}
    inside = {"heads": counts, "projections": {**found.facet, **layouts}}
    assert unlike(name, inside_attention=inside) == {}


def test_heads_are_counted_where_each_pair_of_a_head_has_a_constant() -> None:
    factors = {"short_factor": [1.0] * 6, "long_factor": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}
    rope = {"rope_type": "longrope", **factors, "original_max_position_embeddings": 40}
    settings = {**spec_of("phi3").tiny, "hidden_size": 48, "rope_parameters": rope}
    settings |= {"head_dim": 12}
    found = TinyModel("Phi3ForCausalLM", {**settings, "num_attention_heads": 4})
    # HF refuses factors of which a head of another size would need another number.
    assert found.under({"num_attention_heads": 2}) is None
    counts, _ = heads(found, INNER, projections(found, INNER))
    assert counts["query"] == "num_attention_heads"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("num_attention_heads", 4, "no config key gives the 4 heads"),
        ("num_key_value_heads", 2, "no config key gives the 2 key and value heads"),
        ("num_key_value_heads", 1, "no config key gives the single key and value head"),
    ],
)
def test_count_that_no_key_moves_is_refused(key: str, value: int, message: str) -> None:
    def fix(config: Any) -> None:
        setattr(config, key, value)

    found = odd(as_it_is, config=fix)
    assert refusal(lambda: heads(found, INNER, projections(found, INNER))) == message


def test_size_that_no_key_moves_is_left_to_be_derived() -> None:
    def fix(config: Any) -> None:
        config.head_dim = 12

    found = odd(as_it_is, config=fix)
    assert heads(found, INNER, projections(found, INNER)) == (
        {
            "query": "num_attention_heads",
            "key_value": "num_key_value_heads",
            "head_dim": None,
        },
        None,
    )
