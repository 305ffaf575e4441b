"""Attention that is left to HF between its projections, in HF's model."""

from collections.abc import Iterator

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.headed import HeadedProbe
from adaptergen.verify.heads import by_head
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure


class Probe(HeadedProbe[DelegatedAttention]):
    """Projections, and the softmax that HF computes between them."""

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """Projections, and what is around the softmax, if there is one."""
        yield from self.projected(layer, by_head(layer.hf, layer.spec, layer.path))
        if self.attention.softmax:
            yield from self.scores(layer)
        if self.attention.softmax or layer.call(self.attention.path).pattern is not None:
            yield from self.pattern(layer)
        yield from self.heads_out(layer)

    def opaque_parameters(self, layer: str, built: Structure) -> dict[str, str]:
        """Parameters that no hook shows."""
        path = f"{layer}.{self.attention.path}"
        return built.below(path, self.attention.opaque, "attention.opaque")
