"""Rotary positions: how pairs are formed, and which layers rotate."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from adaptergen.language.facet import Choice, Facet, OneOf, Word
from adaptergen.language.values import Argument, Attribute, PartName


class AllLayers(Word):
    """Every layer rotates queries and keys."""

    word: ClassVar[str] = "all"
    every_layer: ClassVar[bool] = True
    fact: ClassVar[str] = "on every layer"


class FlaggedLayers(Choice):
    """Layers whose HF attention has this attribute truthy rotate; the others are NoPE layers."""

    word: ClassVar[str] = "flag"
    every_layer: ClassVar[bool] = False

    flag: Attribute = Field(description="Attribute of the HF attention module, such as `use_rope`.")

    @property
    def fact(self) -> str:
        """The facet in a clause of the docstring."""
        return f"on layers whose HF attention has `{self.flag}` truthy; the others are NoPE layers"


class HybridSlidingLayers(Word):
    """Where the model has a window, its sliding layers rotate; without a window all layers do."""

    word: ClassVar[str] = "hybrid_sliding"
    every_layer: ClassVar[bool] = False
    fact: ClassVar[str] = (
        "on layers whose HF attention has `is_sliding` truthy, and on all where it has no"
        " `sliding_window`; the others are NoPE layers"
    )


class HandedLayers(Word):
    """Layers rotate to which HF's model hands cosines and sines; the others are NoPE layers."""

    word: ClassVar[str] = "handed"
    every_layer: ClassVar[bool] = False
    fact: ClassVar[str] = (
        "on layers to which HF's model hands cosines and sines; the others are NoPE layers"
    )


RopeLayers: TypeAlias = Annotated[
    AllLayers | FlaggedLayers | HybridSlidingLayers | HandedLayers,
    OneOf(AllLayers, FlaggedLayers, HybridSlidingLayers, HandedLayers),
]

_PAIRS = {
    "half": "element i rotates with element i + half of those that rotate",
    "adjacent": "elements 2i and 2i + 1 rotate together",
    "interleaved": "elements 2i and 2i + 1 rotate together, by cosines and sines laid out alike",
}


class Rope(Facet):
    """Elements of a head that rotate together, and layers in which they do."""

    pairing: Literal["half", "adjacent", "interleaved"] = Field(
        description="Elements that rotate together: `half` pairs element i with i + d_rotary/2;"
        " `adjacent` pairs 2i with 2i + 1; so does `interleaved`, where HF's cosines and sines"
        " come in that order too."
    )
    cosines: Literal["per_element", "per_pair"] = Field(
        default="per_element",
        description="Whether HF hands attention a cosine and a sine for each element that rotates,"
        " or one for each pair. As many elements of a head rotate as these are for.",
    )
    layers: RopeLayers = Field(description="Layers that rotate.")
    module: PartName | None = Field(
        default=None,
        description="Module of HF's attention that computes cosines and sines, from anything of the"
        " residual's type and the tokens' positions. Without one, the model computes them once and"
        " hands them to every layer.",
        examples=["rotary_emb"],
    )
    length: Argument | None = Field(
        default=None,
        description="Argument by which that module is asked for a table of as many positions as"
        " there are tokens, where it is not asked for the tokens' positions. Attention takes its"
        " tokens' rows.",
        examples=["seq_len"],
    )
    positions: Argument | None = Field(
        default=None,
        description="Argument by which attention that computes cosines and sines by itself is"
        " handed its tokens' positions, where it is not `position_ids`.",
        examples=["places"],
    )
    argument: Argument | None = Field(
        default=None,
        description="Argument by which the model hands attention what turns its queries and keys,"
        " where it is not `position_embeddings`: cosines and sines, complex numbers, or one tensor"
        " with cosine and sine in its last dimension.",
        examples=["rotary_pos_emb"],
    )
    backward: bool = Field(
        default=False, description="Whether HF turns by the negative of the angles that it has."
    )

    @property
    def per_pair(self) -> bool:
        """Whether HF hands attention one cosine and sine for both elements of a pair."""
        return self.cosines == "per_pair"

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        way = ", the other way round" if self.backward else ""
        shared = ", by one cosine and sine for both" if self.per_pair else ""
        said = f"RoPE: {_PAIRS[self.pairing]}{shared}{way}, {self.layers.fact}."
        return said + self._source

    @property
    def _source(self) -> str:
        """Where cosines and sines come from, unless it is as in most models."""
        if self.argument:
            return f" They are handed to attention as `{self.argument}`."
        if not self.module:
            return ""
        table = f", a table of `{self.length}` positions" if self.length else ""
        return f" Attention's own `{self.module}` computes cosines and sines{table}."
