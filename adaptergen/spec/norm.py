"""What normalises the residual stream, and where in a block."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.spec.facet import Facet
from adaptergen.spec.values import Name


class RmsNorm(Facet):
    """RMSNorm: divides by the root mean square, then scales; no mean, no bias."""

    kind: Literal["rms"]

    bridge: ClassVar[str] = "RMSNormalizationBridge"
    normalization_type: ClassVar[str] = "RMS"
    title: ClassVar[str] = "RMSNorm"


class PreNorm(Facet):
    """Sequential, each half normed on its way in: `x + attn(ln1(x))`, then `x + mlp(ln2(x))`."""

    topology: Literal["pre"]
    ln1: Name = Field(description="Norm whose output feeds attention.")
    ln2: Name = Field(description="Norm whose output feeds the MLP.")

    bridge: ClassVar[str] = "BlockBridge"

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return (
            f"Block: `{self.ln1}` (ln1) feeds attention, `{self.ln2}` (ln2) feeds the MLP;"
            " each adds its output to the residual stream."
        )

    @property
    def norms(self) -> dict[str, str]:
        """TL's norm roles, with the HF name of each."""
        return {"ln1": self.ln1, "ln2": self.ln2}
