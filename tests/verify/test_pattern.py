"""Attention patterns of HF's models, of which sinks may have a share."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from adaptergen.verify.hf import HfModel
from adaptergen.verify.pattern import AroundSoftmax, pattern, shares, softmax_of_keys
from tests.verify.conftest import load

PATH = "model.layers.1.self_attn"


def hf_model(name: str) -> HfModel:
    spec = load(name).spec
    model = HfModel(spec.architecture, spec.tiny)
    assert model.seen is not None
    return model


@pytest.mark.parametrize("name", ["granite_swa", "gpt_oss"])
def test_sinks_take_their_share_inside_of_the_softmax_and_beside_it(name: str) -> None:
    """What is left to keys times the values is what the heads return."""
    hf = hf_model(name)
    found = shares(hf, PATH, "sinks")
    assert (found.sum(-1) < 0.999).any()
    values = hf.call(f"{PATH}.v_proj").value
    size = hf.module(PATH).head_dim
    by_head = values.unflatten(-1, (-1, size)).transpose(1, 2)
    by_head = by_head.repeat_interleave(found.shape[1] // by_head.shape[1], dim=1)
    returned = (found @ by_head).transpose(1, 2).flatten(2)
    torch.testing.assert_close(returned, hf.call(f"{PATH}.o_proj").input, rtol=0, atol=1e-5)


def test_a_pattern_beside_which_sinks_are_does_not_show_them() -> None:
    hf = hf_model("granite_swa")
    alone = pattern(hf, PATH)
    torch.testing.assert_close(alone.sum(-1), torch.ones_like(alone.sum(-1)))
    assert (alone - shares(hf, PATH, "sinks")).abs().max() > 0.1
    torch.testing.assert_close(softmax_of_keys(hf, PATH), alone)


def test_a_model_without_sinks_has_the_pattern_that_it_returns() -> None:
    hf = hf_model("llama")
    for sinks in (None, "sinks"):
        assert torch.equal(shares(hf, PATH, sinks), pattern(hf, PATH))


@pytest.mark.parametrize(
    "softmax",
    [
        lambda x: nn.functional.softmax(x, dim=-1),
        lambda x: x.softmax(-1),
        lambda x: nn.Softmax(dim=-1)(x),
        lambda x: (x - torch.logsumexp(x, -1, keepdim=True)).exp(),
        lambda x: (x - x.logsumexp(-1, keepdim=True)).exp(),
    ],
    ids=["function", "method", "module", "sum", "sum by a method"],
)
def test_what_is_taken_is_seen_however_code_spells_it(softmax: Callable[[Tensor], Tensor]) -> None:
    taken: list[Tensor] = []

    def keep(value: Tensor) -> Tensor:
        taken.append(value)
        return value

    scores = torch.randn(1, 2, 3, 3)
    with AroundSoftmax(taken=keep):
        softmax(scores)
    assert taken
    assert taken[0] is scores
