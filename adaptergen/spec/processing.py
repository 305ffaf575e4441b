"""The steps of TL's weight processing that keep the function of the model."""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from adaptergen.language.facet import Choice, Facet, OneOf, Word
from adaptergen.language.values import ConfigKey, Prose


class Valid(Word):
    """The step leaves log-probabilities as they were."""

    word: ClassVar[str] = "valid"


class Invalid(Choice):
    """The step would change the model; TL is told to leave it out, and why."""

    word: ClassVar[str] = "invalid"

    invalid: Prose = Field(
        description="The reason.", examples=["Experts and the MLP beside them both read ln2."]
    )


class Condition(Facet):
    """A config key, and why a step is invalid where it is set."""

    key: ConfigKey = Field(description="HF config key.", examples=["attention_bias"])
    reason: Prose = Field(
        description="Why the step would change the model then.",
        examples=["Value biases are normed on their way to the output."],
    )


class InvalidWhere(Choice):
    """The step would change models whose config sets a key; TL is told to leave it out for them."""

    word: ClassVar[str] = "invalid_where"

    invalid_where: Condition = Field(description="The key and the reason.")


Validity: TypeAlias = Annotated[Valid | Invalid | InvalidWhere, OneOf(Valid, Invalid, InvalidWhere)]


class Processing(Facet):
    """TL's weight-processing steps, each `valid` or `{invalid: reason}`."""

    fold_ln: Validity = Field(description="Folding norm weights into the layers that read them.")
    center_writing_weights: Validity = Field(
        description="Subtracting the mean from weights that write to the residual stream"
        " (TL does so for LayerNorm models only)."
    )
    compatibility_mode: Validity = Field(
        description="`enable_compatibility_mode`, which applies all steps."
    )
