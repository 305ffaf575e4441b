"""Attention that is left to HF between its projections."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.components.attention.bias import AttentionBias
from adaptergen.components.attention.projections import FusedProjections, Heads, SeparateProjections
from adaptergen.components.attention.qk_norm import NoQKNorm
from adaptergen.components.attention.spec import (
    BIAS,
    HEADS,
    OPAQUE,
    PATH,
    PROJECTIONS,
    ROTARY,
    WINDOW,
    HeadedAttention,
)
from adaptergen.components.attention.window import Window
from adaptergen.language.values import Path, Prose


class DelegatedAttention(HeadedAttention):
    """HF computes attention, since TL cannot; hooks are on its projections and around its softmax.

    There are hooks on its input, its projections, scores and pattern, what the heads return (z) and
    its output. There are none on rotated queries and keys, and the input of single heads.
    """

    kind: Literal["delegated"]
    reason: Prose = Field(
        description="The step that TL's attention would have to compute and does not."
    )
    path: Path = PATH
    projections: SeparateProjections | FusedProjections = PROJECTIONS
    bias: AttentionBias = BIAS
    heads: Heads = HEADS
    window: Window = WINDOW
    rotary: bool = ROTARY
    softmax: bool = Field(
        default=True,
        description="Whether the pattern is what one softmax in HF's code returns. Otherwise there"
        " are no hooks on scores, and an edited pattern changes nothing.",
        examples=[False],
    )
    opaque: list[Path] = OPAQUE

    qk_norm: ClassVar[NoQKNorm] = NoQKNorm()
    sinks: ClassVar[None] = None
    fuses: ClassVar[bool] = False

    @property
    def facts(self) -> list[str]:
        """The facet in sentences of the docstring."""
        lost = "rotated queries and keys and the input of single heads do not fire"
        if not self.softmax:
            lost = f"scores, {lost}; edits of the pattern change nothing"
        return [
            *self.projections.facts,
            self.heads.fact,
            self.window.fact,
            f"Attention is HF's own: {self.reason} Hooks on {lost}.",
        ]
