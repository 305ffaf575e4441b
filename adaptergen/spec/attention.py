"""Attention: computed by TL step by step, computed by HF, through latents, or in one piece."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from adaptergen.spec.bias import AttentionBias
from adaptergen.spec.facet import Facet
from adaptergen.spec.projections import FusedProjections, Heads, SeparateProjections
from adaptergen.spec.qk_norm import NoQKNorm, QKNorm
from adaptergen.spec.rope import Rope
from adaptergen.spec.values import Argument, Attribute, ConfigKey, Decided, PartName, Path, Prose
from adaptergen.spec.window import Window

# What HF's attention can return in a place: its output, its pattern, the cache that it was given,
# the pair of keys and values that is its own cache, or nothing.
Returned = Literal["output", "pattern", "cache", "keys_and_values", "nothing"]
# How a pair of keys and values is laid out; last comes d_head.
Cached = Literal["batch_head_pos", "batch_pos_head", "pos_batch_head"]
_TL_ORDER: Cached = "batch_head_pos"
_USUAL_RETURNS: list[Returned] = ["output", "pattern"]

_PATH = Field(description="Attention module, seen from the block.")
_PROJECTIONS = Field(discriminator="kind", description="Projections of q, k, v and o.")
_BIAS = Field(description="Biases of the projections.")
_HEADS = Field(description="Source of the head counts.")
_WINDOW = Field(description="Earlier tokens that a layer sees.")
_ROTARY = Field(description="Whether positions are rotary.")
_OPAQUE: Any = Field(
    default=[],
    description="Modules and parameters that HF computes with besides, which no hook shows.",
    examples=[["temperature"]],
)


class ReimplementedAttention(Facet):
    """TL computes attention step by step from HF's projections, so that every hook fires."""

    rotary: ClassVar[bool] = True

    kind: Literal["reimplemented"]
    path: Path = _PATH
    projections: SeparateProjections | FusedProjections = _PROJECTIONS
    bias: AttentionBias = _BIAS
    heads: Heads = _HEADS
    qk_norm: QKNorm = Field(description="Whether queries and keys are normalised.")
    rope: Rope = Field(description="Rotary positions.")
    window: Window = _WINDOW
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
    def flags(self) -> dict[str, bool]:
        """Flags of TL's config that say how attention computes."""
        after = self.qk_norm.norms is not None and self.qk_norm.norms.after_rope
        return {
            "rotary_adjacent_pairs": self.rope.pairing == "adjacent",
            "rotary_interleaved_cos_sin": self.rope.pairing == "interleaved",
            "qk_norm_after_rope": after,
        }

    @property
    def biases(self) -> dict[str, bool | str]:
        """The deciding value of each bias, by TL's name of the projection."""
        return self.bias.by_role

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


class DelegatedAttention(Facet):
    """HF computes attention, since TL cannot; hooks are on its projections and around its softmax.

    There are hooks on its input, its projections, scores and pattern, what the heads return (z) and
    its output. There are none on rotated queries and keys, and the input of single heads.
    """

    kind: Literal["delegated"]
    reason: Prose = Field(
        description="The step that TL's attention would have to compute and does not."
    )
    path: Path = _PATH
    projections: SeparateProjections | FusedProjections = _PROJECTIONS
    bias: AttentionBias = _BIAS
    heads: Heads = _HEADS
    window: Window = _WINDOW
    rotary: bool = _ROTARY
    softmax: bool = Field(
        default=True,
        description="Whether the pattern is what one softmax in HF's code returns. Otherwise there"
        " are no hooks on scores, and an edited pattern changes nothing.",
        examples=[False],
    )
    opaque: list[Path] = _OPAQUE

    qk_norm: ClassVar[NoQKNorm] = NoQKNorm()
    sinks: ClassVar[None] = None
    fuses: ClassVar[bool] = False
    flags: ClassVar[dict[str, bool]] = {}

    @property
    def biases(self) -> dict[str, bool | str]:
        """The deciding value of each bias, by TL's name of the projection."""
        return self.bias.by_role

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


class LatentAttention(Facet):
    """Multi-head latent attention (MLA): queries, keys and values are decompressed from latents."""

    kind: Literal["latent"]
    path: Path = _PATH
    q: Path = Field(description="Query projection, where queries are not compressed.")
    q_a: Path = Field(description="Projection of the residual to the queries' latent.")
    q_norm: PartName = Field(description="Norm of the queries' latent.")
    q_b: Path = Field(description="Projection of that latent to queries.")
    kv_a: Path = Field(description="Projection of the residual to the latent of keys and values.")
    kv_norm: PartName = Field(description="Norm of the latent of keys and values.")
    kv_b: Path = Field(description="Projection of that latent to keys and values.")
    o: Path = Field(description="Output projection.")
    compressed: ConfigKey = Field(
        description="HF config key of the size of the queries' latent; null, and there is none."
    )
    bias: Decided = Field(description="Whether the projections to latents and the output have one.")
    query_heads: ConfigKey = Field(description="Config key of the number of heads.")
    value_head_dim: ConfigKey = Field(description="Config key of the size of a head's values.")
    window: Window = _WINDOW

    rotary: ClassVar[bool] = True
    qk_norm: ClassVar[NoQKNorm] = NoQKNorm()
    sinks: ClassVar[None] = None
    fuses: ClassVar[bool] = False
    flags: ClassVar[dict[str, bool]] = {}
    biases: ClassVar[dict[str, bool | str]] = {}

    @property
    def modules(self) -> dict[str, str]:
        """The linear layers that every config has, by key."""
        names = ("kv_a", "kv_b", "o")
        return {name: getattr(self, name) for name in names}

    @property
    def facts(self) -> list[str]:
        """The facet in sentences of the docstring."""
        return [
            f"Attention: latent (MLA), `config.{self.query_heads}` heads; queries through"
            f" `{self.q_a}` and `{self.q_b}` where `config.{self.compressed}` is set, otherwise"
            f" `{self.q}`; keys and values through `{self.kv_a}` and `{self.kv_b}`.",
            self.window.fact,
        ]


class OpaqueAttention(Facet):
    """HF's attention as one piece, where no kind describes its projections: the last resort.

    There are hooks on its input and its output, and those of the block around it. There are none
    on queries, keys, values, scores, the pattern and what the heads return.
    """

    kind: Literal["opaque"]
    reason: Prose = Field(
        description="The fact about its projections or heads that no kind describes.",
        examples=["Its queries come from a convolution over tokens."],
    )
    path: Path = _PATH
    window: Window = _WINDOW
    rotary: bool = _ROTARY

    qk_norm: ClassVar[NoQKNorm] = NoQKNorm()
    sinks: ClassVar[None] = None
    fuses: ClassVar[bool] = False
    flags: ClassVar[dict[str, bool]] = {}
    biases: ClassVar[dict[str, bool | str]] = {}
    modules: ClassVar[dict[str, str]] = {}

    @property
    def facts(self) -> list[str]:
        """The facet in sentences of the docstring."""
        return [
            self.window.fact,
            f"Attention is HF's own as one piece: {self.reason} There are hooks on its input and"
            " output only, none on queries, keys, values, scores, the pattern and single heads.",
        ]


Attention = ReimplementedAttention | DelegatedAttention | LatentAttention | OpaqueAttention
# Kinds that project queries, keys and values for each head.
HeadedAttention = ReimplementedAttention | DelegatedAttention
