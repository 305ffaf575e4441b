"""Rotary positions: how pairs are formed, and which layers rotate."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from adaptergen.spec.facet import Choice, Facet, OneOf, Word
from adaptergen.spec.values import Name


class AllLayers(Word):
    """Every layer rotates queries and keys."""

    word: ClassVar[str] = "all"
    every_layer: ClassVar[bool] = True
    fact: ClassVar[str] = "on every layer"


class FlaggedLayers(Choice):
    """Layers whose HF attention has this attribute truthy rotate; the others are NoPE layers."""

    word: ClassVar[str] = "flag"
    every_layer: ClassVar[bool] = False

    flag: Name = Field(description="Attribute of the HF attention module, such as `use_rope`.")

    @property
    def fact(self) -> str:
        """The facet in a clause of the docstring."""
        return f"on layers whose HF attention has `{self.flag}` truthy; the others are NoPE layers"


RopeLayers: TypeAlias = Annotated[AllLayers | FlaggedLayers, OneOf(AllLayers, FlaggedLayers)]


class Rope(Facet):
    """Rotary position embeddings, computed once by the model and handed to every layer."""

    pairing: Literal["half"] = Field(
        description="Which elements rotate together: `half` pairs element i with i + d_head/2."
    )
    layers: RopeLayers = Field(description="Which layers rotate.")

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return f"RoPE: element i rotates with element i + d_head/2, {self.layers.fact}."
