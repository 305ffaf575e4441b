"""An MLP whose neurons are an activation plus a projection."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.components.mlp.plain.spec import PlainMlpBias
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
from adaptergen.language.values import ConfigKey, Path


class SummedMlp(ProjectedMlp):
    """`out(act(in(x)) + beside(x))`."""

    gated: ClassVar[bool] = False

    kind: Literal["summed"]
    path: Path = PATH
    in_: Path = Field(alias="in", description="Projection that passes through the activation.")
    beside: Path = Field(description="Projection that is added to the activation.")
    out: Path = OUT
    bias: PlainMlpBias = BIAS
    act: ConfigKey | None = ACT
    width: ConfigKey | None = WIDTH
    measured: bool = MEASURED
    opaque: list[Path] = OPAQUE

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return f"MLP: summed, `{self.out}(act({self.in_}(x)) + {self.beside}(x))`."

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections that it has names for."""
        return {"in": self.in_, "out": self.out}
