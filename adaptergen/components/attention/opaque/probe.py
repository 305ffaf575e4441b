"""Attention that is left to HF as one piece, in HF's model."""

from collections.abc import Iterator

from adaptergen.components.attention.opaque.spec import OpaqueAttention
from adaptergen.components.attention.probe import AttentionProbe
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure


class Probe(AttentionProbe[OpaqueAttention]):
    """One module that mixes tokens."""

    output_claim = "attention.path"

    @property
    def without_parts(self) -> str:
        """The reason that the spec gives."""
        return f"attention is HF's own as one piece: {self.attention.reason}"

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """None: its input and output are stages of the block."""
        yield from ()

    def opaque_parameters(self, layer: str, built: Structure) -> dict[str, str]:
        """All that the module has."""
        return built.below(layer, [self.attention.path], "attention.path")
