"""The MLP of a block."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from adaptergen.spec.bias import Biases, FusedMlpBias, GatedMlpBias, PlainMlpBias
from adaptergen.spec.facet import Facet
from adaptergen.spec.values import ConfigKey, Decided, PartName, Path, Prose

_PATH = Field(description="MLP module, seen from the block.")
_ACT = Field(description="HF config key of the activation.")
_OPAQUE: Any = Field(
    default=[],
    description="Modules and parameters that HF computes with besides, which no hook shows.",
)
_WIDTH = Field(
    default=None,
    description="HF config key of the number of hidden neurons, where TL does not know it.",
)
_MEASURED = Field(
    default=False,
    description="Whether TL is told the number of hidden neurons by the output projection's weight,"
    " where no config key holds it.",
    examples=[True],
)
_OUT = Field(description="Projection back to the residual stream.")
_BIAS = Field(description="Biases of the projections.")


class _ProjectedMlp(Facet):
    """The common part of kinds whose projections TL wraps."""

    if TYPE_CHECKING:
        # A field here would come before those of the kinds.
        bias: Biases

    @property
    def biases(self) -> dict[str, bool | str]:
        """The deciding value of each bias, by TL's names of the projections."""
        return self.bias.by_role


class GatedMlp(_ProjectedMlp):
    """`out(act(gate(x)) * in(x))`, as in SwiGLU: only the gate passes through the activation."""

    gated_mlp: ClassVar[bool] = True

    kind: Literal["gated"]
    path: Path = _PATH
    gate: Path = Field(description="Projection that passes through the activation.")
    in_: Path = Field(alias="in", description="Projection that is multiplied with the gate.")
    out: Path = _OUT
    bias: GatedMlpBias = _BIAS
    act: ConfigKey | None = _ACT
    width: ConfigKey | None = _WIDTH
    measured: bool = _MEASURED
    norm_before_out: PartName | None = Field(
        default=None, description="Norm of the gated activations, before the output projection."
    )
    opaque: list[Path] = _OPAQUE

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return f"MLP: gated, `{self.out}(act({self.gate}(x)) * {self.in_}(x))`."

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"gate": self.gate, "in": self.in_, "out": self.out}


class PlainMlp(_ProjectedMlp):
    """`out(act(in(x)))`: no gate."""

    gated_mlp: ClassVar[bool] = False

    kind: Literal["plain"]
    path: Path = _PATH
    in_: Path = Field(alias="in", description="Projection that passes through the activation.")
    out: Path = _OUT
    bias: PlainMlpBias = _BIAS
    act: ConfigKey | None = _ACT
    width: ConfigKey | None = _WIDTH
    measured: bool = _MEASURED
    overwritten: bool = Field(
        default=False,
        description="Whether HF's block changes the MLP's output in place, which hooks would see.",
    )
    opaque: list[Path] = _OPAQUE

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return f"MLP: not gated, `{self.out}(act({self.in_}(x)))`."

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"in": self.in_, "out": self.out}


class FusedGatedMlp(_ProjectedMlp):
    """A gated MLP whose gate and input are the halves of one projection."""

    gated_mlp: ClassVar[bool] = True

    kind: Literal["fused_gated"]
    path: Path = _PATH
    gate_in: Path = Field(description="Projection whose halves are the gate and the input.")
    out: Path = _OUT
    bias: FusedMlpBias = _BIAS
    first: Literal["gate", "in"] = Field(
        default="gate",
        description="Role of the first half of the projection.",
        examples=["in"],
    )
    act: ConfigKey | None = _ACT
    width: ConfigKey | None = _WIDTH
    measured: bool = _MEASURED
    opaque: list[Path] = _OPAQUE

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


class DenseLayers(Facet):
    """These have a gated MLP, whose projections are in the MLP module."""

    gate: Path = Field(description="Projection that passes through the activation.")
    in_: Path = Field(alias="in", description="Projection that is multiplied with the gate.")
    out: Path = _OUT
    bias: Decided = Field(default=False, description="Whether they have biases.")

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"dense_gate": self.gate, "dense_in": self.in_, "dense_out": self.out}


class SharedExpert(Facet):
    """A gated MLP that every token passes through, beside the experts chosen for it."""

    path: Path = Field(description="Its module, seen from the MLP.")
    gate: Path = Field(description="Projection that passes through the activation.")
    in_: Path = Field(alias="in", description="Projection that is multiplied with the gate.")
    out: Path = _OUT
    bias: Decided = Field(default=False, description="Whether they have biases.")
    mix: Path | None = Field(
        default=None,
        description="Projection, seen from the MLP, whose sigmoid multiplies its output.",
    )

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"gate": self.gate, "in": self.in_, "out": self.out}


class MoeMlp(Facet):
    """A mixture of experts: a router weighs a few of many small MLPs for each token.

    The router is hooked. Experts are HF's, as one module, where one holds them.
    """

    gated_mlp: ClassVar[bool] = True

    kind: Literal["moe"]
    path: Path = _PATH
    router: Path = Field(
        description="Module that returns the router's logits, and weights and numbers of experts."
    )
    experts: Path | None = Field(
        description="Module that holds all experts; null where no single one does."
    )
    count: ConfigKey = Field(description="HF config key of the number of experts.")
    shared: SharedExpert | None = Field(default=None, description="Shared expert.")
    dense: DenseLayers | None = Field(
        default=None, description="Layers without experts, where there are any."
    )
    act: ConfigKey | None = _ACT
    opaque: list[Path] = _OPAQUE

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
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each; experts have none."""
        return {}

    @property
    def biases(self) -> dict[str, bool | str]:
        """The deciding value of each bias of these."""
        return {}


class OpaqueMlp(Facet):
    """HF's MLP as one piece, where no kind describes what is in it: the last resort.

    There are hooks on its input and its output. There are none on projections, activations, and
    what a router chooses.
    """

    gated_mlp: ClassVar[bool] = False

    kind: Literal["opaque"]
    reason: Prose = Field(
        description="The fact about it that no kind describes.",
        examples=["Its neurons are chosen anew for each token."],
    )
    path: Path = _PATH

    act: ClassVar[None] = None
    modules: ClassVar[dict[str, str]] = {}
    biases: ClassVar[dict[str, bool | str]] = {}

    @property
    def fact(self) -> str:
        """The facet in sentences of the docstring."""
        return (
            f"The MLP is HF's own as one piece: {self.reason} There are hooks on its input and"
            " output only, none on projections, activations and routing."
        )


class SideMlp(Facet):
    """It is gated, its gate and input fused.

    No hook of TL shows the sum of both, so that there is no hook_mlp_out.
    """

    path: Path = Field(description="Its module, seen from the block.")
    gate_in: Path = Field(description="Projection whose halves are the gate and the input.")
    out: Path = _OUT

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return f"Beside the MLP: `{self.path}`, gated, added to it; no hook shows the sum."


Mlp = GatedMlp | PlainMlp | FusedGatedMlp | MoeMlp | OpaqueMlp
