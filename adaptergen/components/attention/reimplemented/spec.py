"""Attention that TL computes step by step."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.components.attention.bias import AttentionBias
from adaptergen.components.attention.projections import FusedProjections, Heads, SeparateProjections
from adaptergen.components.attention.qk_norm import QKNorm
from adaptergen.components.attention.rope import Rope
from adaptergen.components.attention.spec import (
    BIAS,
    HEADS,
    PATH,
    PROJECTIONS,
    WINDOW,
    HeadedAttention,
)
from adaptergen.components.attention.window import Window
from adaptergen.language.values import Argument, Attribute, PartName, Path

# What HF's attention can return in a place: its output, its pattern, the cache that it was given,
# the pair of keys and values that is its own cache, or nothing.
Returned = Literal["output", "pattern", "cache", "keys_and_values", "nothing"]
# How a pair of keys and values is laid out; last comes d_head.
Cached = Literal["batch_head_pos", "batch_pos_head", "pos_batch_head"]
_TL_ORDER: Cached = "batch_head_pos"
_USUAL_RETURNS: list[Returned] = ["output", "pattern"]


class ReimplementedAttention(HeadedAttention):
    """TL computes attention step by step from HF's projections, so that every hook fires."""

    rotary: ClassVar[bool] = True

    kind: Literal["reimplemented"]
    path: Path = PATH
    projections: SeparateProjections | FusedProjections = PROJECTIONS
    bias: AttentionBias = BIAS
    heads: Heads = HEADS
    qk_norm: QKNorm = Field(description="Whether queries and keys are normalised.")
    rope: Rope = Field(description="Rotary positions.")
    window: Window = WINDOW
    sinks: PartName | None = Field(
        default=None,
        description="Parameter with a logit for each head that takes part in the softmax, and"
        " nothing else.",
    )
    gate: Path | None = Field(
        default=None,
        description="Projection of the residual whose sigmoid multiplies what the heads return.",
    )
    norm_before_o: PartName | None = Field(
        default=None, description="Norm of what the heads return, before the output projection."
    )
    scale: Attribute | None = Field(
        default=None,
        description="Attribute of HF's attention that scores are multiplied by, where it is not"
        " called `scaling`. Without either, they are divided by the square root of d_head.",
        examples=["softmax_scale"],
    )
    softcap: Attribute | None = Field(
        default=None,
        description="Attribute of HF's attention that scores are capped by, where it is not called"
        " `attn_logit_softcapping`.",
        examples=["score_limit"],
    )
    returns: Literal["output"] | list[Returned] = Field(
        default=_USUAL_RETURNS,
        description="Return values of HF's attention, place by place; the word alone for an output"
        " in no tuple. `cache` is one that it was given, `keys_and_values` a pair of tensors in"
        " the place of one.",
        examples=[["output", "pattern", "cache"]],
    )
    cached: Cached = Field(
        default=_TL_ORDER,
        description="Layout of the pair of keys and values that is HF's cache; the last dimension"
        " is that of a head.",
        examples=["batch_pos_head"],
    )
    own_mask: bool = Field(
        default=False,
        description="Whether HF's attention makes its mask by itself, from which tokens are real."
        " Without it, the model makes a mask of queries and keys and hands it to every layer.",
        examples=[True],
    )
    mask_argument: Argument | None = Field(
        default=None,
        description="Argument by which attention is handed its mask, if not `attention_mask`.",
        examples=["keep"],
    )
    mask_hides: bool = Field(
        default=False,
        description="Whether HF's mask of booleans is true of what a token does not see.",
        examples=[True],
    )
    fused: Literal["auto", "never"] = Field(
        default="auto",
        description="`auto` leaves attention to HF's module and torch's SDPA while nobody looks at"
        " scores or pattern, unless there are sinks; `never` does not.",
    )

    @property
    def fuses(self) -> bool:
        """Whether HF's module, with torch's SDPA, can compute what TL would."""
        return self.fused == "auto" and self.sinks is None

    @property
    def pair_order(self) -> Cached | None:
        """The order of dimensions in a pair of keys and values; None without one, or as TL's."""
        paired = "keys_and_values" in self.returns
        return self.cached if paired and self.cached != _TL_ORDER else None

    @property
    def returned(self) -> str | tuple[str, ...] | None:
        """The values that HF's attention returns; None where they are those that TL's returns."""
        if self.returns == _USUAL_RETURNS:
            return None
        return self.returns if isinstance(self.returns, str) else tuple(self.returns)

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """Names under which TL asks for numbers of HF's attention, each with HF's own."""
        own = {"scaling": self.scale, "attn_logit_softcapping": self.softcap}
        return tuple((name, value) for name, value in own.items() if value is not None)

    @property
    def facts(self) -> list[str]:
        """The facet in sentences of the docstring."""
        gate = f"Gate: the sigmoid of `{self.gate}` multiplies what the heads return."
        norm = f"Norm: `{self.norm_before_o}` norms what the heads return."
        mask = "Mask: made in attention, from which tokens are real."
        hides = "Mask: true of what a token does not see."
        scale = f"Scores are multiplied by `{self.scale}` of HF's attention."
        cap = f"Scores are capped by `{self.softcap}` of HF's attention."
        return [
            *self.projections.facts,
            self.heads.fact,
            self.qk_norm.fact,
            self.rope.fact,
            self.window.fact,
            *([gate] if self.gate else []),
            *([norm] if self.norm_before_o else []),
            *([mask] if self.own_mask else []),
            *([hides] if self.mask_hides else []),
            *([scale] if self.scale else []),
            *([cap] if self.softcap else []),
        ]
