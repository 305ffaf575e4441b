"""Cosines and sines are known by what they are, whoever computes them."""

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
    "output",
    [
        TURNS[0],
        (TURNS[1], TURNS[0]),
        (TURNS[0], None),
        (TURNS[0], TURNS[1], TURNS[1]),
        (TURNS[0], TURNS[1][:, :2]),
        (TURNS[0], (2 * ANGLES).sin()),
        (TURNS[0], TURNS[0]),
    ],
    ids=["cosines", "sines first", "no sines", "three", "narrow", "other angles", "twice"],
)
def test_what_is_no_such_pair(output: tuple[Tensor, ...]) -> None:
    assert not on_circles(output)


def test_positions_that_the_model_hands_down_have_no_source_in_attention() -> None:
    with comparable():
        found = positions_of(hf_model("llama"), "model.layers.0.self_attn")
    assert found is not None
    assert found.source == ""
    assert found.cos.shape == found.sin.shape == (1, 24, 16)
