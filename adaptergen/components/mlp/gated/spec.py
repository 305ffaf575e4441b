"""An MLP with a gate of its own."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.components.mlp.spec import (
    ACT,
    BIAS,
    GATE,
    MEASURED,
    MULTIPLIED,
    OPAQUE,
    OUT,
    PATH,
    WIDTH,
    ProjectedMlp,
)
from adaptergen.language.bias import Biases
from adaptergen.language.values import ConfigKey, Decided, PartName, Path


class GatedMlpBias(Biases):
    """Biases of a gated MLP's projections; one value stands for all three."""

    gate: Decided = Field(description="Bias of the gate projection.")
    in_: Decided = Field(alias="in", description="Bias of the input projection.")
    out: Decided = Field(description="Bias of the output projection.")


class GatedMlp(ProjectedMlp):
    """`out(act(gate(x)) * in(x))`, as in SwiGLU: only the gate passes through the activation."""

    gated: ClassVar[bool] = True

    kind: Literal["gated"]
    path: Path = PATH
    gate: Path = GATE
    in_: Path = MULTIPLIED
    out: Path = OUT
    bias: GatedMlpBias = BIAS
    act: ConfigKey | None = ACT
    width: ConfigKey | None = WIDTH
    measured: bool = MEASURED
    norm_before_out: PartName | None = Field(
        default=None, description="Norm of the gated activations, before the output projection."
    )
    opaque: list[Path] = OPAQUE

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return f"MLP: gated, `{self.out}(act({self.gate}(x)) * {self.in_}(x))`."

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"gate": self.gate, "in": self.in_, "out": self.out}
