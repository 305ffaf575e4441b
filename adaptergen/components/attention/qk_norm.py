"""Norms of queries and keys."""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from adaptergen.language.facet import Choice, Facet, OneOf, Word
from adaptergen.language.values import Decided, PartName, setting


class QKNorms(Facet):
    """The norms of queries and keys."""

    q: PartName = Field(description="Norm of the queries.")
    k: PartName = Field(description="Norm of the keys.")
    present: Decided = Field(
        default=True, description="Whether they are there, or the HF config key that decides."
    )
    after_rope: bool = Field(default=False, description="Whether they come after the rotation.")

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the norms, with the HF name of each."""
        return {"q_norm": self.q, "k_norm": self.k}

    @property
    def fact(self) -> str:
        """The end of a sentence of the docstring."""
        if_any = f" where {setting(self.present)}" if isinstance(self.present, str) else ""
        return f", {'after' if self.after_rope else 'before'} rotation{if_any}."


class NoQKNorm(Word):
    """Queries and keys are used as projected."""

    word: ClassVar[str] = "none"
    extent: ClassVar[str] = "no norm"
    fact: ClassVar[str] = "Query and key norms: none."
    norms: ClassVar[None] = None


class _QKNorm(Choice):
    """The extent of the norm of queries and keys; `said` is the middle of a sentence."""

    extent: ClassVar[str] = "a norm of each head"
    said: ClassVar[str]

    @property
    def norms(self) -> QKNorms:
        """The two norms, or the modules that hold them."""
        found: QKNorms = getattr(self, self.word)
        return found

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        names = f"`{self.norms.q}` and `{self.norms.k}`"
        return f"Query and key norms: {names} {self.said}{self.norms.fact}"


class PerHeadQKNorm(_QKNorm):
    """Each head's queries and keys are normalised over d_head; all heads share the weights."""

    word: ClassVar[str] = "per_head"
    said: ClassVar[str] = "normalise each head over d_head"

    per_head: QKNorms = Field(description="HF names of the two norms.")


class OwnPerHeadQKNorm(_QKNorm):
    """Each head's queries and keys are normalised over d_head, with weights of their own."""

    word: ClassVar[str] = "own_per_head"
    said: ClassVar[str] = "normalise each head over d_head, with weights of its own"

    own_per_head: QKNorms = Field(description="HF names of the two norms.")


class FullWidthQKNorm(_QKNorm):
    """Queries and keys are normalised over all heads together."""

    word: ClassVar[str] = "full_width"
    extent: ClassVar[str] = "a norm of all heads together"
    said: ClassVar[str] = "normalise all heads together"

    full_width: QKNorms = Field(description="HF names of the two norms.")


class HeadModulesQKNorm(_QKNorm):
    """Each head's queries and keys have a norm module of their own, over d_head, without bias."""

    word: ClassVar[str] = "head_modules"
    said: ClassVar[str] = "hold a norm for each head, over d_head"

    head_modules: QKNorms = Field(description="HF names of the modules that hold the norms.")


QKNorm: TypeAlias = Annotated[
    NoQKNorm | PerHeadQKNorm | OwnPerHeadQKNorm | FullWidthQKNorm | HeadModulesQKNorm,
    OneOf(NoQKNorm, PerHeadQKNorm, OwnPerHeadQKNorm, FullWidthQKNorm, HeadModulesQKNorm),
]
