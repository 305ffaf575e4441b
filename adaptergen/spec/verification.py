"""Facts that verification cannot find out by itself, each with its reason."""

from typing import Annotated

from pydantic import Field, PositiveFloat

from adaptergen.language.facet import Facet
from adaptergen.language.values import (
    CheckName,
    ConfigKey,
    Fault,
    LeavingOutNull,
    MutantName,
    Prose,
    SettingName,
)


class KnownFailure(Facet):
    """How a check, or a variant, is known to fail; anything else is a failure all the same."""

    reason: Prose = Field(description="Why it fails, and whose doing that is.")
    fails: list[Fault] = Field(
        min_length=1,
        description="The fault that it reports, without layers, differences and claims; `*` stands"
        " for any text.",
    )
    by: PositiveFloat | None = Field(
        default=None,
        description="The largest difference that was measured, where it measures any. More than"
        " three times as much is another failure.",
    )


class Verification(Facet):
    """Nothing of it changes the adapter."""

    config: Annotated[dict[ConfigKey, Prose], LeavingOutNull] = Field(
        default={},
        description="HF config keys that change what the model computes and that no claim names,"
        " with what takes care of each.",
    )
    equivalent: Annotated[dict[MutantName, Prose], LeavingOutNull] = Field(
        default={},
        description="Mutants that behave as the adapter does, with the reason why none of the"
        " checks can tell them apart.",
    )
    limits: Annotated[dict[SettingName, KnownFailure], LeavingOutNull] = Field(
        default={},
        description="Variants, as `verify --variants` names them, under which the adapter is known"
        " to be wrong, and how. One that turns out right fails, and so does one that is wrong in"
        " another way.",
    )
    checks: Annotated[dict[CheckName, KnownFailure], LeavingOutNull] = Field(
        default={},
        description="Checks that the adapter is known to fail. One that passes fails, and so does"
        " one that fails in another way.",
    )
    older: Annotated[dict[CheckName, KnownFailure], LeavingOutNull] = Field(
        default={},
        description="Likewise, under versions of transformers before those that specs are written"
        " for; under some of these it may pass.",
    )
    float32: Prose | None = Field(
        default=None,
        description="The part that is computed in float32 even in a float64 model, in another order"
        " than HF's: then agreement is to float32's rounding. Left out where it is exact.",
    )
