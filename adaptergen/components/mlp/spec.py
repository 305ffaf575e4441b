"""The MLP of a block, or the experts in its place."""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from adaptergen.language.bias import Biases
from adaptergen.language.kinds import Part

PATH = Field(description="MLP module, seen from the block.")
ACT = Field(description="HF config key of the activation.")
OPAQUE: Any = Field(
    default=[],
    description="Modules and parameters that HF computes with besides, which no hook shows.",
)
WIDTH = Field(
    default=None,
    description="HF config key of the number of hidden neurons, where TL does not know it.",
)
MEASURED = Field(
    default=False,
    description="Whether TL is told the number of hidden neurons by the output projection's weight,"
    " where no config key holds it.",
    examples=[True],
)
GATE = Field(description="Projection that passes through the activation.")
MULTIPLIED = Field(alias="in", description="Projection that is multiplied with the gate.")
OUT = Field(description="Projection back to the residual stream.")
BIAS = Field(description="Biases of the projections.")


class Mlp(Part):
    """The MLP of a block; one kind for each way in which it computes."""

    # Whether a projection passes through the activation, and multiplies another.
    gated: ClassVar[bool]

    if TYPE_CHECKING:
        # Fields here would come before those of the kinds.
        kind: str
        path: str

        @property
        def act(self) -> str | None:
            """HF config key of the activation."""

        @property
        def fact(self) -> str:
            """The facet in sentences of the docstring."""

    @property
    def listed(self) -> bool:
        """Whether modules in a list, rather than one module, hold what computes."""
        return False

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections that it has names for, with the HF name of each."""
        return {}

    @property
    def parts(self) -> list[str]:
        """Names of the modules in it that its facet names, in the order of computing."""
        return list(self.modules.values())

    @property
    def biases(self) -> dict[str, bool | str]:
        """The deciding value of each bias of these, by TL's names of the projections."""
        return {}


class ProjectedMlp(Mlp):
    """The common part of kinds whose projections TL wraps."""

    if TYPE_CHECKING:
        # Fields here would come before those of the kinds.
        bias: Biases
        out: str
        width: str | None
        measured: bool
        opaque: list[str]

    @property
    def biases(self) -> dict[str, bool | str]:
        """The deciding value of each bias, by TL's names of the projections."""
        return self.bias.by_role
