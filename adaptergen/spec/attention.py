"""Attention: projections, biases, heads, query and key norms, positions, window."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from adaptergen.spec.bias import AttentionBias
from adaptergen.spec.facet import Choice, Facet, OneOf, Word
from adaptergen.spec.rope import Rope
from adaptergen.spec.values import Name, Path
from adaptergen.spec.window import Window


class SeparateProjections(Facet):
    """Queries, keys, values and output are four linear layers."""

    kind: Literal["separate"]
    q: Path = Field(description="Query projection.")
    k: Path = Field(description="Key projection.")
    v: Path = Field(description="Value projection.")
    o: Path = Field(description="Output projection.")

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"q": self.q, "k": self.k, "v": self.v, "o": self.o}


class Heads(Facet):
    """HF config keys of the head counts; MHA, GQA and MQA differ in these numbers only."""

    query: Name = Field(description="Config key of the number of query heads.")
    key_value: Name = Field(description="Config key of the number of key and value heads.")
    head_dim: Name | None = Field(
        default=None,
        description="Config key of the head size; where it is missing or null, the hidden size"
        " divided by the number of query heads.",
    )

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return (
            f"Heads: `config.{self.query}` query heads share `config.{self.key_value}` key and"
            " value heads (grouped-query attention where there are fewer)."
        )


class NoQKNorm(Word):
    """Queries and keys are used as projected."""

    word: ClassVar[str] = "none"
    fact: ClassVar[str] = "Query and key norms: none."


class QKNormNames(Facet):
    """The norms of queries and keys."""

    q: Name = Field(description="Norm of the queries.")
    k: Name = Field(description="Norm of the keys.")


class PerHeadQKNorm(Choice):
    """Each head's queries and keys are normalised over d_head, before rotation."""

    word: ClassVar[str] = "per_head"

    per_head: QKNormNames = Field(description="HF names of the two norms.")

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return (
            f"Query and key norms: `{self.per_head.q}` and `{self.per_head.k}` normalise each head"
            " over d_head, before rotation."
        )


QKNorm: TypeAlias = Annotated[NoQKNorm | PerHeadQKNorm, OneOf(NoQKNorm, PerHeadQKNorm)]


class ReimplementedAttention(Facet):
    """TL computes attention step by step from HF's projections, so that every hook fires."""

    kind: Literal["reimplemented"]
    path: Path = Field(description="Attention module, seen from the block.")
    projections: SeparateProjections = Field(description="How q, k, v and o are projected.")
    bias: AttentionBias = Field(description="Which projections have a bias.")
    heads: Heads = Field(description="Where the head counts come from.")
    qk_norm: QKNorm = Field(description="Whether queries and keys are normalised.")
    rope: Rope = Field(description="Rotary positions.")
    window: Window = Field(description="Which earlier tokens a layer sees.")
