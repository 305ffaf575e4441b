"""Configs whose values make no sense: refused in words, or taken as far as they do."""

import random
from pathlib import Path
from typing import Any

import pytest
import transformers

from adaptergen.errors import Failure, Unusable
from tests.infer.test_source import LLAMA, tiny_of, written

pytestmark = pytest.mark.usefixtures("exact")
CLASSES = ("Llama", "Qwen3Moe", "Gemma3", "GPTNeoX", "DeepseekV3", "SmolLM3", "Falcon", "GptOss")
STRANGE = (
    None, -1, 0, 1, "x", [], {}, [1], [None], "eager", 1.5, -0.5, 1e400, True, False, 3, 7, 512,
    {"rope_type": "linear"}, {"rope_type": "yarn", "factor": 0}, 10**18, [0] * 7, ["nope"], "silu",
    ["sliding_attention"] * 3, "Tanh", 100_000,
)  # fmt: skip


def strange(chance: random.Random) -> dict[str, Any]:
    """A config some of whose values make no sense, alone or beside the others."""
    name = f"{chance.choice(CLASSES)}ForCausalLM"
    keys = list(getattr(transformers, name).config_class().to_dict())
    changes = {chance.choice(keys): chance.choice(STRANGE) for _ in range(chance.choice((1, 1, 3)))}
    return {"architectures": [name], **changes}


def outcome(config: dict[str, Any], folder: Path) -> str:
    try:
        tiny_of(written(folder, config))
    except (Failure, Unusable):
        return "refused"
    return "taken"


@pytest.mark.parametrize(
    "key", ["hidden_size", "num_attention_heads", "head_dim", "num_key_value_heads", "vocab_size"]
)
@pytest.mark.parametrize("size", [0, -1, 10**18])
def test_impossible_size_is_refused_or_made_small(tmp_path: Path, key: str, size: int) -> None:
    assert outcome({**LLAMA, key: size}, tmp_path) in ("refused", "taken")


@pytest.mark.parametrize(
    "seeds",
    [range(12), pytest.param(range(12, 400), marks=[pytest.mark.full, pytest.mark.exhaustive])],
)
def test_strange_config_is_refused_in_words_or_taken(tmp_path: Path, seeds: range) -> None:
    found = {outcome(strange(random.Random(seed)), tmp_path) for seed in seeds}
    assert found == {"refused", "taken"}
