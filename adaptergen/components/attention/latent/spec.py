"""Multi-head latent attention (MLA)."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.components.attention.qk_norm import NoQKNorm
from adaptergen.components.attention.spec import PATH, WINDOW, Attention
from adaptergen.components.attention.window import Window
from adaptergen.language.values import ConfigKey, Decided, PartName, Path


class LatentAttention(Attention):
    """Multi-head latent attention (MLA): queries, keys and values are decompressed from latents."""

    kind: Literal["latent"]
    path: Path = PATH
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
    window: Window = WINDOW

    rotary: ClassVar[bool] = True
    qk_norm: ClassVar[NoQKNorm] = NoQKNorm()
    sinks: ClassVar[None] = None
    fuses: ClassVar[bool] = False

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
