"""Models are compared in float64, and what masks are made of fits float32."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from adaptergen.verify.precision import comparable, uncast

SCORES = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    "softmax",
    [
        lambda scores: nn.functional.softmax(scores, dim=-1, dtype=torch.float32),
        lambda scores: torch.softmax(scores, dim=-1, dtype=torch.float32),
        lambda scores: scores.softmax(dim=-1, dtype=torch.float32),
    ],
)
def test_softmax_in_float32_stays_in_float64(softmax: Callable[[Tensor], Tensor]) -> None:
    with comparable():
        assert torch.equal(softmax(SCORES), SCORES.softmax(-1))
    assert softmax(SCORES).dtype is torch.float32


def test_row_of_masked_scores_is_a_number_in_float32() -> None:
    def row() -> Tensor:
        return nn.Softmax(-1)((SCORES + torch.finfo(SCORES.dtype).min).float())

    with comparable():
        assert torch.equal(row(), torch.full((2, 5), 0.2))
    assert row().isnan().all()


def test_limits_of_other_types_and_other_facts_stay() -> None:
    usual = {
        dtype: (torch.finfo(dtype).min, torch.finfo(dtype).eps, torch.finfo(dtype).tiny)
        for dtype in (torch.float64, torch.float32, torch.bfloat16)
    }
    with comparable():
        lowest, *rest = usual.pop(torch.float64)
        found = torch.finfo(torch.float64)
        assert (found.eps, found.tiny) == tuple(rest)
        assert lowest < found.min == torch.finfo(torch.float32).min == -found.max
        for dtype, facts in usual.items():
            found = torch.finfo(dtype)
            assert (found.min, found.eps, found.tiny) == facts
        assert torch.finfo().min == usual[torch.float32][0]


def test_uncast_numbers_stay_in_float64_and_whole_ones_become_so() -> None:
    numbers, places = torch.ones(3, dtype=torch.float64), torch.arange(3)
    with uncast():
        made = [
            numbers.float(), numbers.to(torch.float32), numbers.to(dtype=torch.float32),
            places.float(), places.to(torch.float32), places.to(dtype=torch.float32),
        ]  # fmt: skip
        assert {value.dtype for value in made} == {torch.float64}
        assert torch.ones(3).float().dtype is torch.float32
        assert torch.ones(3).to(torch.bfloat16).dtype is torch.bfloat16
    assert numbers.float().dtype is torch.float32
