"""Attention: who computes it, and from what."""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from adaptergen.components.attention.bias import AttentionBias
from adaptergen.components.attention.projections import FusedProjections, Heads, SeparateProjections
from adaptergen.components.attention.qk_norm import QKNorm
from adaptergen.components.attention.window import Window
from adaptergen.language.kinds import Part

PATH = Field(description="Attention module, seen from the block.")
PROJECTIONS = Field(discriminator="kind", description="Projections of q, k, v and o.")
BIAS = Field(description="Biases of the projections.")
HEADS = Field(description="Source of the head counts.")
WINDOW = Field(description="Earlier tokens that a layer sees.")
ROTARY = Field(description="Whether positions are rotary.")
OPAQUE: Any = Field(
    default=[],
    description="Modules and parameters that HF computes with besides, which no hook shows.",
    examples=[["temperature"]],
)


class Attention(Part):
    """Attention; one kind for each way in which TL shows what it computes."""

    if TYPE_CHECKING:
        # Fields here would come before those of the kinds.
        kind: str
        path: str
        window: Window

        @property
        def fuses(self) -> bool:
            """Whether HF's module, with torch's SDPA, can compute what TL would."""

        @property
        def rotary(self) -> bool:
            """Whether positions are rotary."""

        @property
        def qk_norm(self) -> QKNorm:
            """Norms of queries and keys."""

        @property
        def sinks(self) -> str | None:
            """Parameter with a logit for each head that takes part in the softmax."""

        @property
        def facts(self) -> list[str]:
            """The facet in sentences of the docstring."""

    @property
    def biases(self) -> dict[str, bool | str]:
        """The deciding value of each bias, by TL's name of the projection."""
        return {}

    @property
    def modules(self) -> dict[str, str]:
        """The linear layers that every config has, by key of the facet."""
        return {}


class HeadedAttention(Attention):
    """The common part of kinds that project queries, keys and values for each head."""

    if TYPE_CHECKING:
        # Fields here would come before those of the kinds.
        projections: SeparateProjections | FusedProjections
        bias: AttentionBias
        heads: Heads

    @property
    def biases(self) -> dict[str, bool | str]:
        """The deciding value of each bias, by TL's name of the projection."""
        return self.bias.by_role
