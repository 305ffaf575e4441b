"""Cosines and sines are known by what they are, whoever computes them."""

from typing import Any

import pytest
import torch
from torch import Tensor

from adaptergen.verify.positions import on_circles, positions_of
from adaptergen.verify.precision import comparable
from tests.verify.conftest import hf_model

ANGLES = torch.arange(5.0).unsqueeze(-1) * torch.tensor([1.0, 0.1, 0.01])
TURNS = (ANGLES.cos(), ANGLES.sin())


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_cosines_and_sines_of_the_same_angles(factor: float) -> None:
    assert on_circles(tuple(factor * part for part in TURNS))


@pytest.mark.parametrize(
    "given",
    [
        list(TURNS),
        torch.complex(*TURNS),
        torch.stack(TURNS, dim=-1),
        tuple(part[None, :, None] for part in TURNS),
        tuple(part[:, None] for part in TURNS),
    ],
    ids=["a list", "complex numbers", "one tensor", "for each head", "positions first"],
)
def test_cosines_and_sines_come_in_many_forms(given: Any) -> None:
    found = on_circles(given)
    assert found is not None
    for part, expected in zip(found, TURNS, strict=True):
        assert torch.equal(part.reshape(expected.shape), expected)


@pytest.mark.parametrize(
    "output",
    [
        TURNS[0],
        (TURNS[1], TURNS[0]),
        (TURNS[0], None),
        (TURNS[0], TURNS[1], TURNS[1]),
        (TURNS[0], TURNS[1][:, :2]),
        (TURNS[0], (2 * ANGLES).sin()),
        (TURNS[0], TURNS[0]),
        torch.complex(TURNS[1], TURNS[0]),
        torch.stack((TURNS[1], TURNS[0]), dim=-1),
        tuple(part[2:] for part in TURNS),
    ],
    ids=[
        "cosines",
        "sines first",
        "no sines",
        "three",
        "narrow",
        "other angles",
        "twice",
        "complex sines first",
        "sines first in one tensor",
        "not from the start",
    ],
)
def test_what_is_no_such_pair(output: tuple[Tensor, ...]) -> None:
    assert not on_circles(output)


def test_positions_that_the_model_hands_down_have_no_source_in_attention() -> None:
    with comparable():
        found = positions_of(hf_model("llama"), "model.layers.0.self_attn")
    assert found is not None
    assert found.source == ""
    assert found.cos.shape == found.sin.shape == (1, 24, 16)
