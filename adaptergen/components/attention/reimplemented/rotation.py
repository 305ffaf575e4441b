"""The rotation of queries and keys in HF's model."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from adaptergen.components.attention.projections import FusedProjections
from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.spec.model import Spec
from adaptergen.verify.check import EXACT
from adaptergen.verify.heads import head_dim, rows
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import once
from adaptergen.verify.positions import positions_of
from adaptergen.verify.probe import keeps_pattern, mirrored, turned_in, unweighted
from adaptergen.verify.structure import decided


def rotated(heads: Tensor, cos: Tensor, sin: Tensor, pairing: str) -> Tensor:
    """Rotate the first elements of [batch, pos, head, d_head], as many as there are cosines."""
    turning, still = heads[..., : cos.shape[-1]], heads[..., cos.shape[-1] :]
    cos, sin = cos.unsqueeze(2), sin.unsqueeze(2)
    if pairing == "half":
        half = turning.shape[-1] // 2
        turned = torch.cat((-turning[..., half:], turning[..., :half]), dim=-1)
        return torch.cat((turning * cos + turned * sin, still), dim=-1)
    turned = torch.stack((-turning[..., 1::2], turning[..., 0::2]), dim=-1).flatten(-2)
    if pairing == "adjacent":
        cos, sin = (x[..., : x.shape[-1] // 2].repeat_interleave(2, dim=-1) for x in (cos, sin))
    # HF rotates these in float32.
    found = turning.float() * cos + turned.float() * sin
    return torch.cat((found.to(still.dtype), still), dim=-1)


def elements_turning(hf: HfModel, spec: Spec, declared: ReimplementedAttention, layer: str) -> int:
    """How many elements of a head rotate in a layer; nought if they do not in the declared pairs.

    As many as there are cosines, or twice as many where HF has one for both elements of a pair:
    then those behind them rotate too.
    """
    positions = positions_of(hf, layer)
    if positions is None:
        return 0
    attention, norms = f"{layer}.{declared.path}", declared.qk_norm.norms
    after = norms is not None and norms.after_rope and decided(hf.config, norms.present)
    behind = [f"{attention}.{name}" for name in (norms.q, norms.k)] if norms and after else []
    heads = _Heads(
        positions.cos.shape[-1], head_dim(hf, spec, layer), declared.rope.pairing,
        readers_of_rotation(hf, spec, declared, layer), behind,
    )  # fmt: skip
    return _elements_turning(hf, attention, heads)


class _Heads(NamedTuple):
    """The heads of an attention module whose elements rotate, as a spec describes them."""

    cosines: int
    size: int
    pairing: str
    readers: Mapping[str, Tensor | None]
    norms_behind: list[str]


@once("how much of HF's {attention} turns")
def _elements_turning(hf: HfModel, attention: str, heads: _Heads) -> int:
    width = heads.cosines
    # Norms behind the rotation do nothing but normalise meanwhile.
    with unweighted(hf.module(path) for path in heads.norms_behind):
        keeps = partial(keeps_pattern, hf, attention, heads.readers, heads.size)
        others = mirrored(range(width, 2 * width, 2))
        turning = width if 2 * width > heads.size or keeps(others, noise=EXACT) else 2 * width
        return turning if keeps(turned_in(pairs(heads.pairing, turning))) else 0


def pairs(pairing: str, turning: int) -> Tensor:
    """The elements of a head that rotate together, [plane, 2], where the first `turning` do."""
    if pairing == "half":
        return torch.arange(turning).view(2, -1).T
    return torch.arange(turning).view(-1, 2)


def readers_of_rotation(
    hf: HfModel, spec: Spec, attention: ReimplementedAttention, layer: str
) -> dict[str, Tensor | None]:
    """The modules that return queries and keys as they enter the rotation.

    Each with the elements of its output that are meant; none named means all.
    """
    path = f"{layer}.{attention.path}"
    norms = attention.qk_norm.norms
    if norms is not None and not norms.after_rope and decided(hf.config, norms.present):
        return {f"{path}.{norms.q}": None, f"{path}.{norms.k}": None}
    if isinstance(attention.projections, FusedProjections):
        parts = rows(hf, spec, layer)
        elements = torch.cat((parts["q"].flatten(), parts["k"].flatten()))
        return {f"{path}.{attention.projections.qkv}": elements}
    return {f"{path}.{attention.projections.module_of(role)}": None for role in "qk"}
