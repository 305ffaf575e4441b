"""Attention that is left to HF as one piece."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.components.attention.qk_norm import NoQKNorm
from adaptergen.components.attention.spec import PATH, ROTARY, WINDOW, Attention
from adaptergen.components.attention.window import Window
from adaptergen.language.values import Path, Prose


class OpaqueAttention(Attention):
    """HF's attention as one piece, where no kind describes its projections: the last resort.

    There are hooks on its input and its output, and those of the block around it. There are none
    on queries, keys, values, scores, the pattern and what the heads return.
    """

    kind: Literal["opaque"]
    reason: Prose = Field(
        description="The fact about its projections or heads that no kind describes.",
        examples=["Its queries come from a convolution over tokens."],
    )
    path: Path = PATH
    window: Window = WINDOW
    rotary: bool = ROTARY

    qk_norm: ClassVar[NoQKNorm] = NoQKNorm()
    sinks: ClassVar[None] = None
    fuses: ClassVar[bool] = False

    @property
    def facts(self) -> list[str]:
        """The facet in sentences of the docstring."""
        return [
            self.window.fact,
            f"Attention is HF's own as one piece: {self.reason} There are hooks on its input and"
            " output only, none on queries, keys, values, scores, the pattern and single heads.",
        ]
