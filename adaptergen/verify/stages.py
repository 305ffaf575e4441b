"""Every activation that a hook of TL should show, with HF's value of it, in the order of computing.

HF's values come from hooks on HF's modules. The spec says only which module plays which part, and
the claims checks hold that against what the modules do.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from adaptergen.spec.attention import NoQKNorm, PerHeadQKNorm
from adaptergen.spec.model import Spec
from adaptergen.verify.hf import Call, HfModel
from adaptergen.verify.probe import positions_of, rotates

Part = Literal["stream", "norm", "attention", "mlp"]


@dataclass(frozen=True)
class Stage:
    """One activation: the hook that shows it, HF's value, and the claim that decides it.

    `view` is applied to the hook's value before comparing. Of a stage without `exact` only the
    shape is compared, since HF has no such value.
    """

    hook: str
    part: Part
    claim: str
    theirs: Tensor
    layer: int | None = None
    exact: bool = True
    view: Callable[[Tensor], Tensor] = lambda value: value

    @property
    def name(self) -> str:
        """The hook's full name."""
        return self.hook if self.layer is None else f"blocks.{self.layer}.{self.hook}"


@dataclass(frozen=True)
class Layer:
    """One layer of the HF model in the main pass."""

    hf: HfModel
    spec: Spec
    path: str
    number: int

    def call(self, path: str = "") -> Call:
        """The call of the layer, or of a part of it."""
        return self.hf.call(f"{self.path}.{path}" if path else self.path)

    def stage(
        self, hook: str, part: Part, claim: str, theirs: Tensor, *, exact: bool = True,
        view: Callable[[Tensor], Tensor] = lambda value: value,
    ) -> Stage:  # fmt: skip
        """A stage of this layer."""
        return Stage(hook, part, claim, theirs, self.number, exact, view)


def stages(hf: HfModel, spec: Spec, layers: dict[int, str]) -> list[Stage]:
    """All stages of the main pass."""
    found = list(_before_blocks(hf, spec))
    for number, path in layers.items():
        found += _block(Layer(hf, spec, path, number))
    return found + list(_after_blocks(hf, spec))


def _before_blocks(hf: HfModel, spec: Spec) -> Iterator[Stage]:
    embed = hf.call(spec.paths.embed)
    yield Stage("embed.hook_in", "stream", "paths.embed", embed.input)
    for hook in ("embed.hook_out", "hook_embed"):
        yield Stage(hook, "stream", "paths.embed", embed.value)
    rotary = hf.call(spec.paths.rotary).output
    yield Stage("rotary_emb.hook_cos", "attention", "paths.rotary", rotary[0])
    yield Stage("rotary_emb.hook_sin", "attention", "paths.rotary", rotary[1])


def _after_blocks(hf: HfModel, spec: Spec) -> Iterator[Stage]:
    yield from _norm("ln_final", "paths.final_norm", hf.call(spec.paths.final_norm), None)
    unembed = hf.call(spec.paths.unembed)
    yield Stage("unembed.hook_in", "stream", "paths.final_norm", unembed.input)
    for hook in ("unembed.hook_out", "hook_unembed"):
        yield Stage(hook, "stream", "paths.unembed", unembed.value)


def _block(layer: Layer) -> Iterator[Stage]:
    """A block that normalises on the way into attention and into the MLP."""
    spec = layer.spec
    call, attention, mlp = layer.call(), spec.attention.path, spec.mlp.path
    for hook in ("hook_in", "hook_resid_pre"):
        yield layer.stage(hook, "stream", "paths.blocks", call.input)
    yield from _norm("ln1", "block.ln1", layer.call(spec.block.ln1), layer.number)
    yield layer.stage("attn.hook_in", "attention", "attention.path", layer.call(attention).input)
    yield from _attention(layer)
    for hook in ("attn.hook_out", "hook_attn_out"):
        value = layer.call(attention).value
        yield layer.stage(hook, "attention", "attention.projections.o", value)
    middle = layer.call(spec.block.ln2)
    yield layer.stage("hook_resid_mid", "stream", "block.topology", middle.input)
    yield from _norm("ln2", "block.ln2", middle, layer.number)
    yield layer.stage("mlp.hook_in", "mlp", "mlp.path", layer.call(mlp).input)
    yield from _gated_mlp(layer)
    for hook in ("mlp.hook_out", "hook_mlp_out"):
        yield layer.stage(hook, "mlp", "mlp.out", layer.call(mlp).value)
    for hook in ("hook_out", "hook_resid_post"):
        yield layer.stage(hook, "stream", "block.topology", call.value)


def _norm(name: str, claim: str, call: Call, layer: int | None) -> Iterator[Stage]:
    yield Stage(f"{name}.hook_in", "norm", claim, call.input, layer)
    yield Stage(f"{name}.hook_scale", "norm", claim, call.input[..., :1], layer, exact=False)
    yield Stage(f"{name}.hook_normalized", "norm", claim, call.value, layer, exact=False)
    yield Stage(f"{name}.hook_out", "norm", claim, call.value, layer)


def _attention(layer: Layer) -> Iterator[Stage]:
    spec = layer.spec.attention
    head_size = head_dim(layer.hf, layer.spec, layer.path)
    heads: dict[str, Tensor] = {}
    for role in ("q", "k", "v"):
        call = layer.call(f"{spec.path}.{spec.projections.modules[role]}")
        claim = f"attention.projections.{role}"
        heads[role] = _split(call.value, head_size)
        yield layer.stage(f"attn.{role}.hook_in", "attention", claim, call.input)
        for hook in (f"attn.{role}.hook_out", f"attn.hook_{role}"):
            yield layer.stage(hook, "attention", claim, heads[role])
    if isinstance(spec.qk_norm, PerHeadQKNorm):
        for role, name in (("q", spec.qk_norm.per_head.q), ("k", spec.qk_norm.per_head.k)):
            heads[role] = _by_position(layer.call(f"{spec.path}.{name}").value, heads[role])
            normed = heads[role].transpose(1, 2)
            for hook in (f"attn.{role}_norm.hook_out", f"attn.hook_{role}_normed"):
                yield layer.stage(hook, "attention", "attention.qk_norm", normed)
    yield from _rotation(layer, heads["q"], heads["k"])
    yield from _mixing(layer, head_size)


def _rotation(layer: Layer, q: Tensor, k: Tensor) -> Iterator[Stage]:
    handed = positions_of(layer.call())
    if handed is not None and rotates(layer.hf, layer.path):
        q, k = rotated(q, *handed), rotated(k, *handed)
        yield layer.stage("attn.hook_cos", "attention", "paths.rotary", handed[0])
        yield layer.stage("attn.hook_sin", "attention", "paths.rotary", handed[1])
    yield layer.stage("attn.hook_rot_q", "attention", "attention.rope.layers", q)
    yield layer.stage("attn.hook_rot_k", "attention", "attention.rope.layers", k)


def _mixing(layer: Layer, head_size: int) -> Iterator[Stage]:
    pattern, window = layer.hf.seen.patterns[layer.number], "attention.window"
    yield layer.stage(
        "attn.hook_attn_scores", "attention", window, pattern, view=lambda s: s.softmax(-1)
    )
    yield layer.stage("attn.hook_pattern", "attention", window, pattern)
    spec = layer.spec.attention
    output = layer.call(f"{spec.path}.{spec.projections.o}")
    for hook in ("attn.o.hook_in", "attn.hook_z"):
        value = _split(output.input, head_size)
        yield layer.stage(hook, "attention", "attention.heads", value)
    yield layer.stage("attn.o.hook_out", "attention", "attention.projections.o", output.value)


def _gated_mlp(layer: Layer) -> Iterator[Stage]:
    spec = layer.spec.mlp
    for role, name, alias in (("gate", spec.gate, "pre"), ("in", spec.in_, "pre_linear")):
        call = layer.call(f"{spec.path}.{name}")
        yield layer.stage(f"mlp.{role}.hook_in", "mlp", f"mlp.{role}", call.input)
        for hook in (f"mlp.{role}.hook_out", f"mlp.hook_{alias}"):
            yield layer.stage(hook, "mlp", f"mlp.{role}", call.value)
    call = layer.call(f"{spec.path}.{spec.out}")
    for hook in ("mlp.out.hook_in", "mlp.hook_post"):
        yield layer.stage(hook, "mlp", "mlp.out", call.input)
    yield layer.stage("mlp.out.hook_out", "mlp", "mlp.out", call.value)


def head_dim(hf: HfModel, spec: Spec, layer: str) -> int:
    """Size of a head: the width of the queries shared among the query heads of the config."""
    path = f"{layer}.{spec.attention.path}.{spec.attention.projections.q}"
    return int(hf.call(path).value.shape[-1] // getattr(hf.config, spec.attention.heads.query))


def rotated(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate [batch, pos, head, d_head] in the planes of elements i and i + d_head/2."""
    half = heads.shape[-1] // 2
    first, second = heads[..., :half], heads[..., half:]
    turned = torch.cat((-second, first), dim=-1)
    return heads * cos.unsqueeze(2) + turned * sin.unsqueeze(2)


def readers_of_rotation(spec: Spec, layer: str) -> tuple[str, str]:
    """Paths of the modules that return queries and keys as they enter the rotation."""
    attention = spec.attention
    names = (attention.projections.q, attention.projections.k)
    if not isinstance(attention.qk_norm, NoQKNorm):
        names = (attention.qk_norm.per_head.q, attention.qk_norm.per_head.k)
    return f"{layer}.{attention.path}.{names[0]}", f"{layer}.{attention.path}.{names[1]}"


def _split(value: Tensor, head_size: int) -> Tensor:
    """[batch, pos, head * d_head] as [batch, pos, head, d_head]."""
    return value.reshape(*value.shape[:-1], -1, head_size)


def _by_position(value: Tensor, like: Tensor) -> Tensor:
    """[batch, pos, head, d_head], also if HF normalises [batch, head, pos, d_head]."""
    return value if value.shape == like.shape else value.transpose(1, 2)
