"""HF's side of attention whose heads have projections."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor

from adaptergen.components.attention.probe import AttentionProbe
from adaptergen.components.attention.projections import FusedProjections
from adaptergen.components.attention.spec import HeadedAttention
from adaptergen.verify.check import Fact
from adaptergen.verify.heads import head_dim, split
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure, decided
from adaptergen.verify.widths import width_facts

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject

H = TypeVar("H", bound=HeadedAttention)


class HeadedProbe(AttentionProbe[H]):
    """The common part of kinds that project queries, keys and values for each head."""

    def linear_layers(self) -> dict[str, str]:
        """The projections."""
        path, names = self.attention.path, self.attention.projections.modules.items()
        return {f"attention.projections.{role}": f"{path}.{name}" for role, name in names}

    def biases(self) -> dict[str, tuple[str, bool | str]]:
        """Those of the projections."""
        path, of = self.attention.path, self.attention.projections.module_of
        values = self.attention.biases.items()
        return {f"attention.bias.{role}": (f"{path}.{of(role)}", value) for role, value in values}

    def counts(self, config: object) -> tuple[int, int]:
        """By the config keys that the facet names."""
        heads = self.attention.heads
        query = int(getattr(config, heads.query))
        single, key = heads.single, heads.key_value
        if single is not None and decided(config, single.when):
            several = single.unless is not None and decided(config, single.unless)
            if not several:
                return query, 1
        shared = getattr(config, key) if key is not None else None
        # HF has no number where every query head has its own.
        return query, query if shared is None else int(shared)

    def projected(self, layer: Layer, heads: dict[str, Tensor]) -> Iterator[Stage]:
        """Inputs and outputs of the projections of queries, keys and values."""
        path, projections = self.attention.path, self.attention.projections
        if isinstance(projections, FusedProjections):
            claim = "attention.projections.qkv"
            whole = layer.call(f"{path}.{projections.qkv}")
            yield layer.stage("attn.qkv.hook_in", "attention", claim, whole.input)
            yield layer.stage("attn.qkv.hook_out", "attention", claim, whole.value)
        for role in heads:
            claim = f"attention.projections.{role if role in projections.modules else 'qkv'}"
            taken = layer.call(f"{path}.{projections.module_of(role)}").input
            yield layer.stage(f"attn.{role}.hook_in", "attention", claim, taken)
            for hook in (f"attn.{role}.hook_out", f"attn.hook_{role}"):
                yield layer.stage(hook, "attention", claim, heads[role])

    def heads_out(self, layer: Layer) -> Iterator[Stage]:
        """What the heads return, and the projection of it."""
        output = layer.call(f"{self.attention.path}.{self.attention.projections.o}")
        size = head_dim(layer.hf, layer.spec, layer.path)
        for hook in ("attn.o.hook_in", "attn.hook_z"):
            yield layer.stage(hook, "attention", "attention.heads", split(output.input, size))
        yield layer.stage("attn.o.hook_out", "attention", "attention.projections.o", output.value)

    def head_settings(self) -> list[dict[str, Any]]:
        """Config changes that move the head counts: as is, one each, fewer, one of another size.

        HF refuses more heads where the model's width is no multiple of them. Where a key decides
        that all share one key and value head, so do settings that keep it from that.
        """
        heads = self.attention.heads
        query, kv = heads.query, heads.key_value
        size = {heads.head_dim: 24} if heads.head_dim else {}
        if kv is None:
            return [{}, {query: 6}, *filter(None, [size])]
        found = [{}, {query: 4, kv: 4}, {query: 6, kv: 3}, {query: 4, kv: 1, **size}]
        if heads.single is not None and heads.single.unless is not None:
            found.append({heads.single.unless: True, query: 4, kv: 2})
        return found

    def widths(self, subject: "Subject", built: Structure) -> Iterator[Fact]:
        """Those of all projections."""
        yield from width_facts(subject, built)
