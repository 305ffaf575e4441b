"""What a module was given and returned is found in whatever shape its code has it."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from adaptergen.verify.call import Call
from adaptergen.verify.pattern import AroundSoftmax

HIDDEN = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
MASK = torch.zeros(2, 1, 5, 5)
PATTERN = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(2)).softmax(-1)


@dataclass
class Found:
    hidden: Tensor
    shares: Tensor | None = None


SHAPES: dict[str, Any] = {
    "tuple": (HIDDEN, PATTERN),
    "pattern last": (HIDDEN, None, PATTERN),
    "list": [HIDDEN, PATTERN],
    "dataclass": Found(HIDDEN, PATTERN),
    "HF's output": BaseModelOutput(HIDDEN, attentions=PATTERN),
}


@pytest.mark.parametrize("output", SHAPES.values(), ids=list(SHAPES))
def test_output_and_pattern_are_found_in(output: Any) -> None:
    call = Call((HIDDEN,), {}, output)
    assert call.value is HIDDEN
    assert call.pattern is PATTERN
    doubled = Call((HIDDEN,), {}, call.with_value(lambda value: 2 * value))
    assert type(doubled.output) is type(output)
    assert torch.equal(doubled.value, 2 * HIDDEN)
    assert doubled.pattern is PATTERN


@pytest.mark.parametrize("output", [HIDDEN, (HIDDEN,), (HIDDEN, None), (HIDDEN, MASK - 1.0)])
def test_what_is_no_pattern_is_none(output: Any) -> None:
    call = Call((HIDDEN,), {}, output)
    assert call.value is HIDDEN
    assert call.pattern is None


class Attention(nn.Module):
    def forward(self, x: Tensor, mask: Tensor | None = None, *, cache: Any = None) -> Tensor:
        return x


def test_arguments_by_place_get_their_names() -> None:
    call = Call.of(Attention(), (HIDDEN, MASK), {"cache": None}, HIDDEN)
    assert call.args == (HIDDEN,)
    assert call.kwargs == {"mask": MASK, "cache": None}


def test_arguments_without_names_stay() -> None:
    call = Call.of(nn.Sequential(), (HIDDEN, MASK), {}, HIDDEN)
    assert call.args == (HIDDEN, MASK)


@pytest.mark.parametrize("name", ["hidden_states", "x"])
def test_input_by_name_is_replaced(name: str) -> None:
    call = Call((), {name: HIDDEN, "mask": MASK}, HIDDEN)
    assert call.input is HIDDEN
    assert torch.equal(call.with_input(2 * HIDDEN).input, 2 * HIDDEN)


@pytest.mark.parametrize(
    "softmax",
    [
        lambda scores: nn.functional.softmax(scores, dim=-1),
        lambda scores: torch.softmax(scores, -1),
        lambda scores: torch.softmax(input=scores, dim=-1),
        lambda scores: scores.float().softmax(dim=-1, dtype=torch.float32),
        nn.Softmax(-1),
    ],
)
def test_edits_around_a_softmax_however_it_is_spelt(softmax: Any) -> None:
    with AroundSoftmax(taken=lambda scores: 3 * scores, returned=lambda shares: 2 * shares):
        found = softmax(PATTERN)
    torch.testing.assert_close(found, 2 * (3 * PATTERN).softmax(-1))
    torch.testing.assert_close(softmax(PATTERN), PATTERN.softmax(-1))
