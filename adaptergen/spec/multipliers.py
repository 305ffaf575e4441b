"""Constants of HF's config that the model multiplies activations by."""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from adaptergen.language.facet import Choice, Facet, OneOf, Word
from adaptergen.language.factor import Factor, in_code, powers
from adaptergen.language.values import ConfigKey


class UnscaledLogits(Word):
    """Logits are what the unembedding returns."""

    word: ClassVar[str] = "none"
    done: ClassVar[str] = ""
    fact: ClassVar[str] = ""


class _ScaledLogits(Choice):
    """The unembedding's output is scaled by a factor."""

    done: ClassVar[str]

    @property
    def factor(self) -> str:
        """The factor as it is written."""
        return str(getattr(self, self.word))

    @property
    def fact(self) -> str:
        """The facet in a clause of the docstring."""
        return f"logits are {self.done} by {_said(self.factor)}"


class MultipliedLogits(_ScaledLogits):
    """The unembedding's output, or what it reads, is multiplied by this factor."""

    word: ClassVar[str] = "multiply"
    done: ClassVar[str] = "multiplied"

    multiply: Factor = Field(
        description="HF config key, such as `logit_scale`, or several as in"
        " `dim_base / hidden_size`."
    )


class DividedLogits(_ScaledLogits):
    """The unembedding's output, or what it reads, is divided by this factor."""

    word: ClassVar[str] = "divide"
    done: ClassVar[str] = "divided"

    divide: Factor = Field(
        description="HF config key, such as `logits_scaling`, or several as in"
        " `hidden_size / dim_base`."
    )


Logits: TypeAlias = Annotated[
    UnscaledLogits | MultipliedLogits | DividedLogits,
    OneOf(UnscaledLogits, MultipliedLogits, DividedLogits),
]


class Multipliers(Facet):
    """Written with config keys; those of attention are left out, since TL reads them itself."""

    embedding: Factor | None = Field(
        default=None,
        description="Factor of the embedding's output: a config key, or several with `sqrt()`,"
        " `*` and `/`.",
        examples=["sqrt(hidden_size)"],
    )
    residual: Factor | None = Field(
        default=None,
        description="Factor of what attention and MLP add to the residual stream.",
        examples=["scale_depth / sqrt(num_hidden_layers)"],
    )
    logits: Logits = Field(default=UnscaledLogits(), description="Factor of the logits.")
    soft_cap: ConfigKey | None = Field(
        default=None,
        description="Config key of the soft cap of the logits, where TL does not know it.",
        examples=["logits_soft_cap"],
    )

    @property
    def factors(self) -> dict[str, str]:
        """Factors by the claim that has them."""
        logits = getattr(self.logits, "factor", None)
        named = {"embedding": self.embedding, "residual": self.residual, "logits": logits}
        return {f"multipliers.{claim}": text for claim, text in named.items() if text is not None}

    @property
    def keys(self) -> list[str]:
        """Config keys of all factors."""
        return [key for factor in self.factors.values() for key in powers(factor)]

    @property
    def powers_of_logits(self) -> dict[str, float]:
        """Config keys of the factor of logits, each with its power."""
        sign = -1.0 if isinstance(self.logits, DividedLogits) else 1.0
        found = powers(getattr(self.logits, "factor", ""))
        return {key: sign * power for key, power in found.items()}

    @property
    def facts(self) -> list[str]:
        """The facet in sentences of the docstring."""
        clauses = []
        if self.embedding is not None:
            clauses.append(f"the embedding is multiplied by {_said(self.embedding)}")
        if self.residual is not None:
            added = "what attention and MLP add to the residual stream"
            clauses.append(f"{added} is multiplied by {_said(self.residual)}")
        if self.logits.fact:
            clauses.append(self.logits.fact)
        if self.soft_cap is not None:
            clauses.append(f"logits are capped softly by {_said(self.soft_cap)}")
        return [f"Multipliers: {', '.join(clauses)}."] if clauses else []


def _said(factor: str) -> str:
    """A factor in a docstring: `config.logit_scale`."""
    return f"`{in_code(factor, 'config')}`"
