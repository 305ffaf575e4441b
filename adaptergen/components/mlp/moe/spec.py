"""A mixture of experts."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.components.mlp.spec import (
    ACT,
    GATE,
    MULTIPLIED,
    OPAQUE,
    OUT,
    PATH,
    Mlp,
)
from adaptergen.language.facet import Facet
from adaptergen.language.values import ConfigKey, Decided, Path


class DenseLayers(Facet):
    """These have a gated MLP, whose projections are in the MLP module."""

    gate: Path = GATE
    in_: Path = MULTIPLIED
    out: Path = OUT
    bias: Decided = Field(default=False, description="Whether they have biases.")

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"dense_gate": self.gate, "dense_in": self.in_, "dense_out": self.out}


class SharedExpert(Facet):
    """A gated MLP that every token passes through, beside the experts chosen for it."""

    path: Path = Field(description="Its module, seen from the MLP.")
    gate: Path = GATE
    in_: Path = MULTIPLIED
    out: Path = OUT
    bias: Decided = Field(default=False, description="Whether they have biases.")
    mix: Path | None = Field(
        default=None,
        description="Projection, seen from the MLP, whose sigmoid multiplies its output.",
    )

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"gate": self.gate, "in": self.in_, "out": self.out}


class MoeMlp(Mlp):
    """A mixture of experts: a router weighs a few of many small MLPs for each token.

    The router is hooked. Experts are HF's, as one module, where one holds them.
    """

    gated: ClassVar[bool] = True

    kind: Literal["moe"]
    path: Path = PATH
    router: Path = Field(
        description="Module that returns the router's logits, and weights and numbers of experts."
    )
    experts: Path | None = Field(
        description="Module that runs all experts; null where no single one does, as with a list of"
        " modules."
    )
    count: ConfigKey = Field(description="HF config key of the number of experts.")
    shared: SharedExpert | None = Field(default=None, description="Shared expert.")
    dense: DenseLayers | None = Field(
        default=None, description="Layers without experts, where there are any."
    )
    act: ConfigKey | None = ACT
    opaque: list[Path] = OPAQUE

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        shared = f", `{self.shared.path}` for every token" if self.shared else ""
        dense = "; a gated MLP on layers without experts" if self.dense else ""
        experts = f"`{self.experts}`" if self.experts else "experts"
        return f"MLP: `{self.router}` chooses among {experts}{shared}{dense}."

    @property
    def chosen_among(self) -> str:
        """A module that layers with experts have, and others lack."""
        return self.experts or self.router

    @property
    def parts(self) -> list[str]:
        """Names of the modules in it that its facet names, in the order of computing."""
        return [self.router, self.chosen_among]

    @property
    def listed(self) -> bool:
        """Whether modules in a list, rather than one module, hold the experts."""
        return self.experts is None
