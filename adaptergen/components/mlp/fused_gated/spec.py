"""An MLP whose gate is half of a projection."""

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


class FusedMlpBias(Biases):
    """Biases of the projections of an MLP with a fused gate; one value stands for both."""

    gate_in: Decided = Field(description="Bias of the fused projection.")
    out: Decided = Field(description="Bias of the output projection.")


class FusedGatedMlp(ProjectedMlp):
    """A gated MLP whose gate and input are the halves of one projection."""

    gated: ClassVar[bool] = True

    kind: Literal["fused_gated"]
    path: Path = PATH
    gate_in: Path = Field(description="Projection whose halves are the gate and the input.")
    out: Path = OUT
    bias: FusedMlpBias = BIAS
    first: Literal["gate", "in"] = Field(
        default="gate",
        description="Role of the first half of the projection.",
        examples=["in"],
    )
    act: ConfigKey | None = ACT
    width: ConfigKey | None = WIDTH
    measured: bool = MEASURED
    opaque: list[Path] = OPAQUE

    @property
    def halves(self) -> tuple[str, str]:
        """Roles of the halves of the fused projection, in order."""
        return ("gate", "in") if self.first == "gate" else ("in", "gate")

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        order = "gate and input" if self.first == "gate" else "input and gate"
        return f"MLP: gated, {order} are the halves of `{self.gate_in}`; `{self.out}` last."

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"gate_in": self.gate_in, "out": self.out}
