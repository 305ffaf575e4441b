"""Constants of HF's config that the model multiplies activations by."""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from adaptergen.spec.facet import Choice, Facet, OneOf, Word
from adaptergen.spec.values import ConfigKey


class UnscaledLogits(Word):
    """Logits are what the unembedding returns."""

    word: ClassVar[str] = "none"
    done: ClassVar[str] = ""
    fact: ClassVar[str] = ""


class _ScaledLogits(Choice):
    """The unembedding's output is scaled by a config key's value."""

    done: ClassVar[str]

    @property
    def key(self) -> str:
        """The config key."""
        return str(getattr(self, self.word))

    @property
    def fact(self) -> str:
        """The facet in a clause of the docstring."""
        return f"logits are {self.done} by `config.{self.key}`"


class MultipliedLogits(_ScaledLogits):
    """The unembedding's output is multiplied by this config key's value."""

    word: ClassVar[str] = "multiply"
    done: ClassVar[str] = "multiplied"

    multiply: ConfigKey = Field(description="HF config key, such as `logit_scale`.")


class DividedLogits(_ScaledLogits):
    """The unembedding's output is divided by this config key's value."""

    word: ClassVar[str] = "divide"
    done: ClassVar[str] = "divided"

    divide: ConfigKey = Field(description="HF config key, such as `logits_scaling`.")


Logits: TypeAlias = Annotated[
    UnscaledLogits | MultipliedLogits | DividedLogits,
    OneOf(UnscaledLogits, MultipliedLogits, DividedLogits),
]


class Multipliers(Facet):
    """Config keys of constants; those of attention TL reads itself."""

    embedding: ConfigKey | None = Field(
        default=None, description="Config key by which the embedding's output is multiplied."
    )
    residual: ConfigKey | None = Field(
        default=None,
        description="Config key by which what attention and MLP add to the residual stream is"
        " multiplied.",
    )
    logits: Logits = Field(default=UnscaledLogits(), description="Factor of the logits.")
    soft_cap: ConfigKey | None = Field(
        default=None,
        description="Config key of the soft cap of the logits, where TL does not know it.",
        examples=["logits_soft_cap"],
    )

    @property
    def keys(self) -> dict[str, str]:
        """Config keys by the claim that names them."""
        logits = getattr(self.logits, "key", None)
        named = {"embedding": self.embedding, "residual": self.residual, "logits": logits}
        return {f"multipliers.{claim}": key for claim, key in named.items() if key is not None}

    @property
    def facts(self) -> list[str]:
        """The facet in sentences of the docstring."""
        said = {
            self.embedding: f"the embedding is multiplied by `config.{self.embedding}`",
            self.residual: "what attention and MLP add to the residual stream is multiplied by"
            f" `config.{self.residual}`",
            self.logits.fact: self.logits.fact,
            self.soft_cap: f"logits are capped softly by `config.{self.soft_cap}`",
        }
        clauses = [clause for key, clause in said.items() if key]
        return [f"Multipliers: {', '.join(clauses)}."] if clauses else []
