"""Mixtures of experts: router, experts, and what every token passes through beside them."""

from typing import Any

import pytest
import torch
from torch import nn

from adaptergen.components.mlp.infer import mlp
from adaptergen.infer.anatomy import anatomy
from tests.infer.tiny_models import Change, added, as_it_is, odd, parts, refusal, tiny, unlike

pytestmark = pytest.mark.usefixtures("exact")
MLP = "model.layers.0.mlp"


@pytest.mark.parametrize("name", ["qwen2_moe", "deepseek_v3", "afmoe", "gpt_oss"])
def test_mixture_is_that_of_the_spec(name: str) -> None:
    assert unlike(name, mlp=mlp(tiny(name), parts(name))) == {}


def routed(change: Change) -> Change:
    """A change of layers with experts."""
    return lambda block: change(block) if hasattr(block.mlp, "experts") else None


def doubled(block: Any) -> None:
    added(block.mlp, lambda owner, given, output: 2 * output)


def constant(config: Any) -> None:
    config.num_experts = 8


def second_experts(block: Any) -> None:
    """A further module with weights of three dimensions."""
    block.mlp.more = Bank()
    added(block.mlp, lambda owner, given, output: output + owner.more(given))


class Bank(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 48, 48))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight[1]


def plain_beside(block: Any) -> None:
    """Every token also passes through a linear layer."""
    block.mlp.beside = nn.Linear(48, 48)
    added(block.mlp, lambda owner, given, output: output + owner.beside(given))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (doubled, f"{MLP} adds to its experts what no facet describes"),
        (plain_beside, f"{MLP} adds to its experts what no facet describes"),
        (
            second_experts,
            f"{MLP} should have one router, which returns logits, weights and numbers of experts,"
            " and one module of experts; found ['gate'] and ['experts', 'more']",
        ),
    ],
    ids=["doubled", "beside", "two banks"],
)
def test_other_mixture_is_refused(change: Change, message: str) -> None:
    found = odd(routed(change), "qwen3_moe")
    assert refusal(lambda: mlp(found, anatomy(found))) == message


def test_number_of_experts_that_no_key_moves_is_refused() -> None:
    found = odd(as_it_is, "qwen3_moe", config=constant)
    message = f"no config key gives the 8 experts of {MLP}.experts"
    assert refusal(lambda: mlp(found, anatomy(found))) == message
