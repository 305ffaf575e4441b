"""The norm of the residual stream."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from adaptergen.language.facet import Facet
from adaptergen.language.values import ConfigKey

NormWeight = Literal["scale", "offset", "none"]
_WEIGHT: Any = Field(
    default="scale",
    description="Use of the weight w: `scale` multiplies by w, `offset` by 1 + w; `none`, there"
    " is no weight.",
)
_EPS = Field(description="HF config key of the number that keeps the norm finite.")
_SAID = {"scale": "", "offset": " that multiplies by 1 + weight", "none": " without weight"}


class RmsNorm(Facet):
    """RMSNorm: divides by the root mean square; no mean is subtracted, no bias added."""

    kind: Literal["rms"]
    weight: NormWeight = _WEIGHT
    eps: ConfigKey | None = _EPS

    bias: ClassVar[bool] = False

    @property
    def title(self) -> str:
        """Name of the norm in prose."""
        return f"RMSNorm{_SAID[self.weight]}"


class LayerNorm(Facet):
    """LayerNorm: subtracts the mean and divides by the standard deviation."""

    kind: Literal["layer"]
    weight: NormWeight = _WEIGHT
    bias: bool = Field(description="Whether a bias is added.")
    eps: ConfigKey | None = _EPS

    @property
    def title(self) -> str:
        """Name of the norm in prose."""
        return f"LayerNorm{_SAID[self.weight]}{'' if self.bias else ', without bias'}"


Norm = RmsNorm | LayerNorm
