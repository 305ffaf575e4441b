"""Norms are told apart by their answer to input that is scaled or shifted."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adaptergen.infer.block import flow
from adaptergen.infer.norm import norm
from adaptergen.infer.tiny_model import TinyModel
from tests.infer.tiny_models import odd, parts, refusal, tiny, unlike

pytestmark = pytest.mark.usefixtures("exact")


def paths(found: TinyModel, final: str) -> list[str]:
    roles = flow(found).facet
    names = [name for role, name in roles.items() if role != "topology"]
    return [final, *(path for name in names for path in found.below(name))]


@pytest.mark.parametrize("name", ["llama", "phi", "cohere", "gemma", "nanochat", "olmo"])
def test_norm_is_that_of_the_spec(name: str) -> None:
    found = tiny(name)
    assert unlike(name, norm=norm(found, paths(found, parts(name).final_norm))) == {}


class Biased(nn.Module):
    """RMSNorm that adds a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(48))
        self.bias = nn.Parameter(torch.zeros(48))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * nn.functional.rms_norm(x, (48,)) + self.bias


def test_norm_of_another_kind_than_the_others_is_refused() -> None:
    def change(block: Any) -> None:
        block.post_attention_layernorm = nn.LayerNorm(48)

    found = odd(change)
    assert refusal(lambda: norm(found, paths(found, "model.norm"))) == (
        "norms of several kinds: {'kind': 'rms', 'weight': 'scale'};"
        " {'kind': 'layer', 'weight': 'scale', 'bias': True}"
    )


def test_root_mean_square_with_a_bias_is_refused() -> None:
    def change(block: Any) -> None:
        block.input_layernorm = Biased()

    found = odd(change)
    assert refusal(lambda: norm(found, paths(found, "model.norm"))) == (
        "model.layers.0.input_layernorm divides by the root mean square and adds a bias"
    )


def test_weight_of_another_name_is_refused() -> None:
    def change(block: Any) -> None:
        block.input_layernorm = Biased()
        block.input_layernorm.gamma = block.input_layernorm.bias
        del block.input_layernorm.bias
        block.input_layernorm.bias = 0.0

    found = odd(change)
    assert refusal(lambda: norm(found, paths(found, "model.norm"))) == (
        "the norm model.layers.0.input_layernorm has gamma; TransformerLens takes a norm's weight"
        " and bias by these names"
    )


def test_number_that_no_key_gives_has_no_key() -> None:
    def constant(model: Any) -> None:
        model.model.norm = nn.RMSNorm(48, eps=1e-3)

    found = odd(lambda _: None, model=constant)
    assert norm(found, ["model.norm"]) == {"kind": "rms", "weight": "scale", "eps": None}
