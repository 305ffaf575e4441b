"""An MLP that is left to HF as one piece."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.components.mlp.spec import (
    PATH,
    Mlp,
)
from adaptergen.language.values import Path, Prose


class OpaqueMlp(Mlp):
    """HF's MLP as one piece, where no kind describes what is in it: the last resort.

    There are hooks on its input and its output. There are none on projections, activations, and
    what a router chooses.
    """

    gated: ClassVar[bool] = False

    kind: Literal["opaque"]
    reason: Prose = Field(
        description="The fact about it that no kind describes.",
        examples=["Its neurons are chosen anew for each token."],
    )
    path: Path = PATH

    act: ClassVar[None] = None

    @property
    def fact(self) -> str:
        """The facet in sentences of the docstring."""
        return (
            f"The MLP is HF's own as one piece: {self.reason} There are hooks on its input and"
            " output only, none on projections, activations and routing."
        )
