"""An MLP without a gate."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.components.mlp.spec import (
    ACT,
    BIAS,
    MEASURED,
    OPAQUE,
    OUT,
    PATH,
    WIDTH,
    ProjectedMlp,
)
from adaptergen.language.bias import Biases
from adaptergen.language.values import ConfigKey, Decided, Path


class PlainMlpBias(Biases):
    """Biases of an MLP's projections; one value stands for both."""

    in_: Decided = Field(alias="in", description="Bias of the input projection.")
    out: Decided = Field(description="Bias of the output projection.")


class PlainMlp(ProjectedMlp):
    """`out(act(in(x)))`: no gate."""

    gated: ClassVar[bool] = False

    kind: Literal["plain"]
    path: Path = PATH
    in_: Path = Field(alias="in", description="Projection that passes through the activation.")
    out: Path = OUT
    bias: PlainMlpBias = BIAS
    act: ConfigKey | None = ACT
    width: ConfigKey | None = WIDTH
    measured: bool = MEASURED
    overwritten: bool = Field(
        default=False,
        description="Whether HF's block changes the MLP's output in place, which hooks would see.",
    )
    opaque: list[Path] = OPAQUE

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return f"MLP: not gated, `{self.out}(act({self.in_}(x)))`."

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"in": self.in_, "out": self.out}
