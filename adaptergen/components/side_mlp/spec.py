"""A further MLP beside that of a block."""

from pydantic import Field

from adaptergen.language.facet import Facet
from adaptergen.language.values import Path


class SideMlp(Facet):
    """It is gated, its gate and input fused.

    No hook of TL shows the sum of both, so that there is no hook_mlp_out.
    """

    path: Path = Field(description="Its module, seen from the block.")
    gate_in: Path = Field(description="Projection whose halves are the gate and the input.")
    out: Path = Field(description="Projection back to the residual stream.")

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return f"Beside the MLP: `{self.path}`, gated, added to it; no hook shows the sum."
