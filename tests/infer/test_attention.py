"""The linear layers of attention are told apart by what changes when they are disturbed."""

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adaptergen.infer.attention import alike, norm_before, projections, sinks, unexplained
from tests.infer.tiny_models import (
    Change,
    added,
    as_it_is,
    attention,
    first_only,
    odd,
    projected,
    refusal,
    spec_of,
    tiny,
    unlike,
)

pytestmark = pytest.mark.usefixtures("exact")
INNER = "model.layers.0.self_attn"


@pytest.mark.parametrize("name", ["llama", "phi", "phi3", "persimmon", "afmoe", "bitnet"])
def test_projections_are_those_of_the_spec(name: str) -> None:
    found = projected(name)
    assert unlike(name, inside_attention={"projections": found.facet}) == {}
    assert found.gate == spec_of(name).attention.gate


def test_sizes_are_counted() -> None:
    found = projected("llama")
    assert (found.heads, found.key_value, found.head_dim) == (4, 2, 16)
    assert (found.q, found.o) == ("q_proj", "o_proj")
    assert projected("phi3").q == "qkv_proj"


def test_single_key_and_value_head_looks_stacked() -> None:
    assert projected("falcon").facet["layout"] == "stacked"
    assert projected("falcon").key_value == 1


@pytest.mark.parametrize("name", ["llama", "gpt_oss", "bitnet"])
def test_sinks_and_norm_before_output_are_those_of_the_spec(name: str) -> None:
    spec, path = spec_of(name).attention, attention(name)
    assert sinks(tiny(name), path, 4) == spec.sinks
    assert norm_before(tiny(name), path, projected(name).o) == spec.norm_before_o


def test_parameters_without_a_part_are_named() -> None:
    found, path = tiny("gpt_oss"), attention("gpt_oss")
    names = projected("gpt_oss").names
    assert list(unexplained(found, path, names)) == ["sinks"]
    assert list(unexplained(found, path, [*names, "sinks"])) == []
    assert "q_proj.weight" in list(unexplained(found, path, names[1:]))


class Rolled(nn.Module):
    """What it takes in another order."""

    def forward(self, x: Tensor) -> Tensor:
        return x.roll(24, -1)


class Sum(nn.Module):
    """Two linear layers side by side."""

    def __init__(self, one: nn.Module, two: nn.Module) -> None:
        super().__init__()
        self.one, self.two = one, two

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.one(x) + self.two(x)
        return total


def keys_first(block: Any) -> None:
    """Let the fused projection itself have another order than what attention splits."""
    old = block.self_attn.qkv_proj
    block.self_attn.qkv_proj = nn.Sequential(OrderedDict(mixed=old, order=Rolled()))


def second_gate(block: Any) -> None:
    for name in ("one", "two"):
        setattr(block.self_attn, name, nn.Linear(48, 64))
        block.self_attn.o_proj.register_forward_pre_hook(gating(block.self_attn, name))


def gating(owner: Any, name: str) -> Any:
    """A hook that multiplies by the sigmoid of a linear layer of what attention takes."""
    owner.register_forward_pre_hook(remember, with_kwargs=True)

    def hook(_: nn.Module, args: Any) -> Any:
        return (args[0] * getattr(owner, name)(owner.taken).sigmoid(),)

    return hook


def remember(owner: Any, args: Any, kwargs: Any) -> None:
    owner.taken = kwargs["hidden_states"]


def second_values(block: Any) -> None:
    block.self_attn.v_proj = Sum(block.self_attn.v_proj, nn.Linear(48, 32))


def doubled(block: Any) -> None:
    """What attention returns is not what its output projection does."""
    added(block.self_attn, lambda owner, given, output: (2 * output[0], *output[1:]))


@pytest.mark.parametrize(
    ("base", "change", "message"),
    [
        (
            "phi3", keys_first,
            "qkv_proj.mixed has queries, keys and values in an order that no facet describes",
        ),
        ("llama", second_gate, "attention has gates: one, two"),
        (
            "llama", second_values,
            "linear layers of attention do not play one part each: q_proj: q, k_proj: k,"
            " v_proj.one: v, v_proj.two: v, o_proj: o",
        ),
        ("llama", doubled, "no linear layer of attention returns what attention returns"),
    ],
    ids=["order", "gates", "values", "output"],
)  # fmt: skip
def test_other_attention_is_refused(base: str, change: Change, message: str) -> None:
    found = odd(change, base)
    assert refusal(lambda: projections(found, INNER)) == message


def test_pattern_need_not_be_returned() -> None:
    found = odd(lambda block: added(block.self_attn, lambda _, __, output: (output[0], None)))
    assert projections(found, INNER) == projected("llama")


def test_one_gate_is_found() -> None:
    def change(block: Any) -> None:
        block.self_attn.open = nn.Linear(48, 64)
        block.self_attn.o_proj.register_forward_pre_hook(gating(block.self_attn, "open"))

    assert projections(odd(change), INNER).gate == "open"


def wide_queries(block: Any) -> None:
    block.self_attn.q_proj = nn.Linear(48, 64)


def test_layers_of_different_attention_are_refused() -> None:
    found = odd(first_only(wide_queries))
    text = refusal(lambda: alike(found, "self_attn", projections(found, INNER)))
    assert text == "attention's q_proj.bias is None in model.layers.1.self_attn, [64] in" + (
        " model.layers.0.self_attn"
    )
    alike(tiny("llama"), "self_attn", projected("llama"))


def test_attention_is_looked_at_without_being_changed() -> None:
    found = odd(as_it_is)
    before = found.hf.seen.logits
    projections(found, INNER)
    assert torch.equal(found.hf.logits(found.hf.batch(found.hf.length)), before)
