"""What verification cannot find out by itself, each with its reason."""

from pydantic import Field

from adaptergen.spec.facet import Facet
from adaptergen.spec.values import MutantName, Name, Prose, SettingName


class Verification(Facet):
    """What verification has to be told; nothing here changes the adapter."""

    config: dict[Name, Prose] = Field(
        default={},
        description="HF config keys that change what the model computes and that no claim names,"
        " with what takes care of each.",
    )
    equivalent: dict[MutantName, Prose] = Field(
        default={},
        description="Mutants that behave as the adapter does, with the reason why none of the"
        " checks can tell them apart.",
    )
    limits: dict[SettingName, Prose] = Field(
        default={},
        description="Variants, as `verify --variants` names them, under which the adapter is known"
        " to be wrong, with the reason. One that turns out right fails.",
    )
