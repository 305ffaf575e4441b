"""The MLP of a block."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.spec.bias import GatedMlpBias
from adaptergen.spec.facet import Facet
from adaptergen.spec.values import Path


class GatedMlp(Facet):
    """`out(act(gate(x)) * in(x))`, as in SwiGLU: only the gate passes through the activation."""

    gated_mlp: ClassVar[bool] = True

    kind: Literal["gated"]
    path: Path = Field(description="MLP module, seen from the block.")
    gate: Path = Field(description="Projection that passes through the activation.")
    in_: Path = Field(alias="in", description="Projection that is multiplied with the gate.")
    out: Path = Field(description="Projection back to the residual stream.")
    bias: GatedMlpBias = Field(description="Which projections have a bias.")

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return f"MLP: gated, `{self.out}(act({self.gate}(x)) * {self.in_}(x))`."

    @property
    def biases(self) -> dict[str, bool | str]:
        """What decides each bias, by TL's name of the projection."""
        return {"gate": self.bias.gate, "in": self.bias.in_, "out": self.bias.out}
