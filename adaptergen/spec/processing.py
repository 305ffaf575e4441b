"""Which of TL's weight-processing steps keep the function of the model."""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from adaptergen.spec.facet import Choice, Facet, OneOf, Word
from adaptergen.spec.values import Prose


class Valid(Word):
    """The step leaves log-probabilities as they were."""

    word: ClassVar[str] = "valid"


class Invalid(Choice):
    """The step would change the model; TL is told to leave it out, and why."""

    word: ClassVar[str] = "invalid"

    invalid: Prose = Field(description="The reason.")


Validity: TypeAlias = Annotated[Valid | Invalid, OneOf(Valid, Invalid)]


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
