"""The order of norms, attention and MLP follows from the tensors that are handed on."""

from typing import Any

import pytest
import torch
from torch import nn

from adaptergen.infer.block import flow, own_parameters
from tests.infer.tiny_models import Change, added, first_only, odd, refusal, tiny, unlike

pytestmark = pytest.mark.usefixtures("exact")
FIRST = "model.layers.0"


@pytest.mark.parametrize("name", ["llama", "olmo2", "gemma2", "phi", "afmoe", "granitemoeshared"])
def test_block_is_that_of_the_spec(name: str) -> None:
    assert unlike(name, block=flow(tiny(name)).facet) == {}


def test_what_is_added_may_be_scaled() -> None:
    found = tiny("granite")
    assert flow(found).scale == pytest.approx(found.config.residual_multiplier)
    assert flow(tiny("llama")).scale == 1.0


def gain(block: Any) -> None:
    """A learned factor for each element of the residual stream."""
    block.gain = nn.Parameter(torch.ones(block.hidden_size))
    added(block, lambda owner, given, output: output + (owner.gain - 1) * given)


def doubled(block: Any) -> None:
    added(block, lambda owner, given, output: output + given)


def third_norm(block: Any) -> None:
    block.extra = nn.RMSNorm(block.hidden_size)
    added(block, lambda owner, given, output: output + owner.extra(given))


def normed_late(block: Any) -> None:
    """Attention's norm reads something else than the residual stream."""
    block.input_layernorm.register_forward_pre_hook(lambda _, args: (args[0].roll(1, -1),))


def unnormed_mlp(block: Any) -> None:
    block.post_attention_layernorm = nn.Identity()


def adding_by_itself(block: Any) -> None:
    """Attention returns the residual stream with what it adds, which the MLP's norm reads."""
    streams: list[torch.Tensor] = []
    block.self_attn.register_forward_hook(
        lambda _, args, output: (output[0] + streams[-1], *output[1:])
    )

    def forward(hidden_states: torch.Tensor, **given: Any) -> torch.Tensor:
        streams.append(hidden_states)
        normed = block.input_layernorm(hidden_states)
        stream, _ = block.self_attn(hidden_states=normed, **given)
        result: torch.Tensor = stream + block.mlp(block.post_attention_layernorm(stream))
        return result

    block.forward = forward


def no_first_norm(block: Any) -> None:
    block.input_layernorm = nn.Identity()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (gain, f"no facet describes what gain do to the residual stream in {FIRST}"),
        (doubled, f"no facet describes what it adds to the residual stream in {FIRST}"),
        (third_norm, f"no facet describes the norm extra in {FIRST}"),
        (normed_late, f"no facet describes attention's norm in {FIRST}"),
        (
            adding_by_itself,
            f"{FIRST}.self_attn returns the residual stream, not what it adds to it",
        ),
        (
            unnormed_mlp,
            f"no facet describes {FIRST}: sequential, norms: ln1 input_layernorm",
        ),
        (
            first_only(no_first_norm),
            f"no facet describes {FIRST}: sequential, norms: ln2 post_attention_layernorm",
        ),
    ],
    ids=["gain", "doubled", "norm", "late", "inside", "unnormed", "unlike the others"],
)
def test_other_order_is_refused(change: Change, message: str) -> None:
    found = odd(change)
    assert refusal(lambda: flow(found)) == message


def test_what_a_block_does_by_itself_can_be_left_aside() -> None:
    found = odd(gain)
    assert own_parameters(found) == ["gain"]
    assert flow(found, opaque=True).facet == flow(tiny("llama")).facet
    assert own_parameters(tiny("llama")) == []
