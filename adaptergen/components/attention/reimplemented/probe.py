"""Attention that TL computes step by step, in HF's model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from adaptergen.components.attention.headed import HeadedProbe
from adaptergen.components.attention.qk_norm import OwnPerHeadQKNorm
from adaptergen.components.attention.reimplemented import facts, positions
from adaptergen.components.attention.reimplemented.rotation import elements_turning, rotated
from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.spec.model import Spec
from adaptergen.verify.check import Evidence
from adaptergen.verify.declared import parameters_of_norm
from adaptergen.verify.heads import by_head, head_dim, split
from adaptergen.verify.hf import HfModel
from adaptergen.verify.layers import rotation_found
from adaptergen.verify.positions import positions_of, rotates
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import decided

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject


class Probe(HeadedProbe[ReimplementedAttention]):
    """Every step between the projections."""

    parts: ClassVar[tuple[str, ...]] = ("q", "k", "v", "o")

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """Projections, norms and rotation in their order, scores, pattern, gate and heads."""
        attention, heads = self.attention, by_head(layer.hf, layer.spec, layer.path)
        yield from self.projected(layer, heads)
        norms = attention.qk_norm.norms
        steps = [self._rotation, self._qk_norm]
        for step in steps if norms and norms.after_rope else reversed(steps):
            yield from step(layer, heads)
        yield from self.scores(layer)
        yield from self.pattern(layer)
        if attention.gate is not None:
            gate = layer.call(f"{attention.path}.{attention.gate}")
            yield layer.stage("attn.gate.hook_in", "attention", "attention.gate", gate.input)
            for hook in ("attn.gate.hook_out", "attn.hook_gate"):
                yield layer.stage(hook, "attention", "attention.gate", gate.value)
        yield from self.heads_out(layer)

    def _qk_norm(self, layer: Layer, heads: dict[str, Tensor]) -> Iterator[Stage]:
        """The norms of queries and keys, whose results take the place of what they norm."""
        norms = self.attention.qk_norm.norms
        if norms is None or not decided(layer.hf.config, norms.present):
            return
        size = head_dim(layer.hf, layer.spec, layer.path)
        own = isinstance(self.attention.qk_norm, OwnPerHeadQKNorm)
        for role, name in (("q", norms.q), ("k", norms.k)):
            normed = layer.call(f"{self.attention.path}.{name}").value
            whole = normed.ndim == 3
            shown = normed if whole else _by_position(normed, heads[role]).transpose(1, 2)
            inside = shown.transpose(1, 2) if own else shown
            hook, claim = f"attn.{role}_norm.hook_out", "attention.qk_norm"
            yield layer.stage(hook, "attention", claim, inside)
            yield layer.stage(f"attn.hook_{role}_normed", "attention", claim, shown)
            heads[role] = split(normed, size) if whole else _by_position(normed, heads[role])

    def _rotation(self, layer: Layer, heads: dict[str, Tensor]) -> Iterator[Stage]:
        rope = self.attention.rope
        turned_by = positions_of(layer.hf, f"{layer.path}.{self.attention.path}")
        if turned_by is not None and rotates(layer.hf, layer.path):
            turning = elements_turning(layer.hf, layer.spec, self.attention, layer.path)
            handed = (turned_by.cos, -turned_by.sin if rope.backward else turned_by.sin)
            cos, sin = (x if x.shape[-1] == turning else torch.cat((x, x), -1) for x in handed)
            for role in ("q", "k"):
                heads[role] = rotated(heads[role], cos, sin, rope.pairing)
            for hook, value in zip(("hook_cos", "hook_sin"), handed, strict=True):
                yield layer.stage(f"attn.{hook}", "attention", "paths.rotary", value)
        for role in ("q", "k"):
            claim = "attention.rope.layers"
            yield layer.stage(f"attn.hook_rot_{role}", "attention", claim, heads[role])

    def parameters(self, spec: Spec, config: object) -> Iterator[tuple[str, str]]:
        """Gate, and the norm before the output projection."""
        attention = self.attention
        if attention.gate is not None:
            yield f"{attention.path}.{attention.gate}.weight", "attention.gate"
        if attention.norm_before_o is not None:
            path = f"{attention.path}.{attention.norm_before_o}"
            names = parameters_of_norm(spec, path)
            yield from ((name, "attention.norm_before_o") for name in names)

    def norms(self, config: object) -> Iterator[tuple[str, str]]:
        """The norm before the output projection."""
        attention = self.attention
        if attention.norm_before_o is not None:
            yield "attention.norm_before_o", f"{attention.path}.{attention.norm_before_o}"

    def flags(self, subject: "Subject") -> Iterator[tuple[str, object, str]]:
        """Rotary positions, pairs, and whether norms come after them."""
        # A config under which no layer rotates does not show how positions are embedded.
        if any(rotation_found(subject).values()):
            yield "positional_embedding_type", "rotary", "attention.rope"
        pairing, norms = self.attention.rope.pairing, self.attention.qk_norm.norms
        yield "rotary_adjacent_pairs", pairing == "adjacent", "attention"
        yield "rotary_interleaved_cos_sin", pairing == "interleaved", "attention"
        yield "qk_norm_after_rope", norms is not None and norms.after_rope, "attention"

    def rotating(self, subject: "Subject") -> dict[int, bool]:
        """By the policy of the spec."""
        return positions.rotating(self.attention, subject)

    def rotation_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether each layer rotates if the policy says so, by angles from where it says."""
        yield from positions.layers(self.attention, subject)

    def pairing_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """In each layer that rotates."""
        yield from positions.pairing(self.attention, subject)

    def mask_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether there is one, of what it is true, and its argument."""
        yield from positions.masks(self.attention, subject)

    def between(self, hf: HfModel, path: str) -> Iterator[tuple[bool, str, str]]:
        """Norm and gate before the output projection, scale and cap of scores."""
        yield from facts.before_output(self.attention, hf, path)
        yield from facts.scores(self.attention, hf, path)

    def return_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """With a cache and without one."""
        yield from facts.returns(self.attention, subject)

    def qk_norm_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Of each head, of all heads together, or none."""
        yield from facts.qk_norm(self.attention, subject)


def _by_position(value: Tensor, like: Tensor) -> Tensor:
    """[batch, pos, head, d_head], also if HF normalises [batch, head, pos, d_head]."""
    return value if value.shape == like.shape else value.transpose(1, 2)
