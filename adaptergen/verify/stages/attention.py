"""The activations inside attention."""

from collections.abc import Iterator, Mapping
from functools import partial, singledispatch
from typing import NamedTuple

import torch
from torch import Tensor

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.latent.spec import LatentAttention
from adaptergen.components.attention.opaque.spec import OpaqueAttention
from adaptergen.components.attention.projections import FusedProjections
from adaptergen.components.attention.qk_norm import OwnPerHeadQKNorm
from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.components.attention.spec import HeadedAttention
from adaptergen.language.facet import Facet
from adaptergen.spec.model import Spec
from adaptergen.verify.check import EXACT
from adaptergen.verify.heads import by_head, head_dim, rows, split
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import once
from adaptergen.verify.positions import positions_of, rotates
from adaptergen.verify.probe import keeps_pattern, mirrored, turned_in, unweighted
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import decided


@singledispatch
def attention_stages(attention: Facet, layer: Layer) -> Iterator[Stage]:
    """The stages between attention's input and its output; one function for each kind."""
    raise NotImplementedError(type(attention))


@attention_stages.register
def _reimplemented(attention: ReimplementedAttention, layer: Layer) -> Iterator[Stage]:
    heads = by_head(layer.hf, layer.spec, layer.path)
    yield from _projected(attention, layer, heads)
    norms = attention.qk_norm.norms
    steps = [_rotation, _qk_norm] if norms and norms.after_rope else [_qk_norm, _rotation]
    for step in steps:
        yield from step(attention, layer, heads)
    yield from _scores(layer)
    yield from _pattern(layer)
    if attention.gate is not None:
        gate = layer.call(f"{attention.path}.{attention.gate}")
        yield layer.stage("attn.gate.hook_in", "attention", "attention.gate", gate.input)
        for hook in ("attn.gate.hook_out", "attn.hook_gate"):
            yield layer.stage(hook, "attention", "attention.gate", gate.value)
    yield from _heads_out(attention, layer)


@attention_stages.register
def _delegated(attention: DelegatedAttention, layer: Layer) -> Iterator[Stage]:
    yield from _projected(attention, layer, by_head(layer.hf, layer.spec, layer.path))
    if attention.softmax:
        yield from _scores(layer)
    if attention.softmax or layer.call(attention.path).pattern is not None:
        yield from _pattern(layer)
    yield from _heads_out(attention, layer)


@attention_stages.register
def _latent(attention: LatentAttention, layer: Layer) -> Iterator[Stage]:
    compressed = getattr(layer.hf.config, attention.compressed) is not None
    queries = {
        "q_a_proj": attention.q_a,
        "q_a_layernorm": attention.q_norm,
        "q_b_proj": attention.q_b,
    }
    modules = queries if compressed else {"q_proj": attention.q}
    modules |= {
        "kv_a_proj_with_mqa": attention.kv_a,
        "kv_a_layernorm": attention.kv_norm,
        "kv_b_proj": attention.kv_b,
    }
    keys = {path: key for key, path in attention.model_dump().items() if isinstance(path, str)}
    for role, name in modules.items():
        call, claim = layer.call(f"{attention.path}.{name}"), f"attention.{keys[name]}"
        yield layer.stage(f"attn.{role}.hook_in", "attention", claim, _flat(call.input))
        yield layer.stage(f"attn.{role}.hook_out", "attention", claim, _flat(call.value))
    latents = {"q": attention.q_norm} if compressed else {}
    for role, name in {**latents, "kv": attention.kv_norm}.items():
        latent = _flat(layer.call(f"{attention.path}.{name}").value)
        yield layer.stage(f"attn.hook_{role}_latent", "attention", f"attention.{role}_norm", latent)
    yield from _scores(layer)
    yield from _pattern(layer)
    output = layer.call(f"{attention.path}.{attention.o}")
    size = getattr(layer.hf.config, attention.value_head_dim)
    for hook in ("attn.o.hook_in", "attn.hook_z"):
        value = split(output.input, size)
        yield layer.stage(hook, "attention", "attention.value_head_dim", value)
    yield layer.stage("attn.o.hook_out", "attention", "attention.o", output.value)


@attention_stages.register
def _opaque(attention: OpaqueAttention, layer: Layer) -> Iterator[Stage]:
    # Its input and output are stages of the block.
    yield from ()


def _flat(value: Tensor) -> Tensor:
    """[batch, pos, width], also where HF has the latent of all heads as that of one head."""
    return value.squeeze(1) if value.ndim == 4 else value


def _projected(
    attention: HeadedAttention, layer: Layer, heads: dict[str, Tensor]
) -> Iterator[Stage]:
    projections = attention.projections
    if isinstance(projections, FusedProjections):
        claim = "attention.projections.qkv"
        whole = layer.call(f"{attention.path}.{projections.qkv}")
        yield layer.stage("attn.qkv.hook_in", "attention", claim, whole.input)
        yield layer.stage("attn.qkv.hook_out", "attention", claim, whole.value)
    for role in heads:
        claim = f"attention.projections.{role if role in projections.modules else 'qkv'}"
        taken = layer.call(f"{attention.path}.{projections.module_of(role)}").input
        yield layer.stage(f"attn.{role}.hook_in", "attention", claim, taken)
        for hook in (f"attn.{role}.hook_out", f"attn.hook_{role}"):
            yield layer.stage(hook, "attention", claim, heads[role])


def _qk_norm(
    spec: ReimplementedAttention, layer: Layer, heads: dict[str, Tensor]
) -> Iterator[Stage]:
    """The norms of queries and keys, whose results take the place of what they norm."""
    norms = spec.qk_norm.norms
    if norms is None or not decided(layer.hf.config, norms.present):
        return
    size = head_dim(layer.hf, layer.spec, layer.path)
    for role, name in (("q", norms.q), ("k", norms.k)):
        normed = layer.call(f"{spec.path}.{name}").value
        shown = normed if normed.ndim == 3 else _by_position(normed, heads[role]).transpose(1, 2)
        own = isinstance(spec.qk_norm, OwnPerHeadQKNorm)
        inside = shown.transpose(1, 2) if own else shown
        yield layer.stage(f"attn.{role}_norm.hook_out", "attention", "attention.qk_norm", inside)
        yield layer.stage(f"attn.hook_{role}_normed", "attention", "attention.qk_norm", shown)
        whole = normed.ndim == 3
        heads[role] = split(normed, size) if whole else _by_position(normed, heads[role])


def _rotation(
    spec: ReimplementedAttention, layer: Layer, heads: dict[str, Tensor]
) -> Iterator[Stage]:
    positions = positions_of(layer.hf, f"{layer.path}.{spec.path}")
    if positions is not None and rotates(layer.hf, layer.path):
        pairing = spec.rope.pairing
        turning = elements_turning(layer.hf, layer.spec, spec, layer.path)
        handed = (positions.cos, -positions.sin if spec.rope.backward else positions.sin)
        cos, sin = (x if x.shape[-1] == turning else torch.cat((x, x), -1) for x in handed)
        for role in ("q", "k"):
            heads[role] = rotated(heads[role], cos, sin, pairing)
        for hook, value in zip(("hook_cos", "hook_sin"), handed, strict=True):
            yield layer.stage(f"attn.{hook}", "attention", "paths.rotary", value)
    for role in ("q", "k"):
        claim = "attention.rope.layers"
        yield layer.stage(f"attn.hook_rot_{role}", "attention", claim, heads[role])


def _scores(layer: Layer) -> Iterator[Stage]:
    """HF may mask scores with other numbers, but what their softmax is says what they are."""
    yield layer.stage(
        "attn.hook_attn_scores", "attention", "attention.window", layer.softmax_of_keys,
        view=lambda scores: scores.softmax(-1),
    )  # fmt: skip


def _pattern(layer: Layer) -> Iterator[Stage]:
    pattern = layer.pattern
    yield layer.stage("attn.hook_pattern", "attention", "attention.window", pattern)


def _heads_out(attention: HeadedAttention, layer: Layer) -> Iterator[Stage]:
    output = layer.call(f"{attention.path}.{attention.projections.o}")
    size = head_dim(layer.hf, layer.spec, layer.path)
    for hook in ("attn.o.hook_in", "attn.hook_z"):
        yield layer.stage(hook, "attention", "attention.heads", split(output.input, size))
    yield layer.stage("attn.o.hook_out", "attention", "attention.projections.o", output.value)


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


def _by_position(value: Tensor, like: Tensor) -> Tensor:
    """[batch, pos, head, d_head], also if HF normalises [batch, head, pos, d_head]."""
    return value if value.shape == like.shape else value.transpose(1, 2)
