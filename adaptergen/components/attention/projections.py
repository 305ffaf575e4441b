"""How queries, keys, values and the output are projected, and how heads share them."""

from typing import ClassVar, Literal

from pydantic import Field

from adaptergen.language.facet import Facet
from adaptergen.language.values import ConfigKey, Path


class SeparateProjections(Facet):
    """Queries, keys, values and output are four linear layers."""

    kind: Literal["separate"]
    q: Path = Field(description="Query projection.")
    k: Path = Field(description="Key projection.")
    v: Path = Field(description="Value projection.")
    o: Path = Field(description="Output projection.")

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"q": self.q, "k": self.k, "v": self.v, "o": self.o}

    facts: ClassVar[list[str]] = []

    @property
    def separated(self) -> dict[str, str]:
        """The modules that TL wraps: these."""
        return self.modules

    def module_of(self, role: str) -> str:
        """The HF name of the projection that computes q, k, v or o."""
        return self.modules[role]


class FusedProjections(Facet):
    """Queries, keys and values are one linear layer, of whose outputs each is a part."""

    kind: Literal["fused"]
    qkv: Path = Field(description="Projection of queries, keys and values.")
    o: Path = Field(description="Output projection.")
    layout: Literal["stacked", "grouped"] = Field(
        description="Order of the outputs: `stacked`, all query heads, then all key and all value"
        " heads; `grouped`, for each key and value head its query heads, the key, the value."
    )

    @property
    def modules(self) -> dict[str, str]:
        """TL's names of the projections, with the HF name of each."""
        return {"qkv": self.qkv, "o": self.o}

    @property
    def facts(self) -> list[str]:
        """The facet in sentences of the docstring."""
        orders = {
            "stacked": "all queries, then all keys, then all values",
            "grouped": "for each key and value head its queries, its key and its value",
        }
        return [
            f"Projections: `{self.qkv}` has {orders[self.layout]}; TL's q, k and v are parts of it."
        ]

    @property
    def separated(self) -> dict[str, str]:
        """The modules that TL wraps: the parts of the layer, and the rest."""
        return {**{role: f"{self.qkv}.{role}" for role in "qkv"}, "o": self.o}

    def module_of(self, role: str) -> str:
        """The HF name of the projection that computes q, k, v or o."""
        return self.o if role == "o" else self.qkv


class SingleHead(Facet):
    """When all query heads share one key and value head (MQA)."""

    when: ConfigKey = Field(description="HF config key under which they do.")
    unless: ConfigKey | None = Field(
        default=None, description="HF config key under which they do not all the same."
    )


class Heads(Facet):
    """HF config keys of the head counts; MHA, GQA and MQA differ in these numbers only."""

    query: ConfigKey = Field(description="Config key of the number of query heads.")
    key_value: ConfigKey | None = Field(
        default=None,
        description="Config key of the number of key and value heads; where there is none, every"
        " query head has its own.",
    )
    head_dim: ConfigKey | None = Field(
        default=None,
        description="Config key of the head size; where it is missing or null, the hidden size"
        " divided by the number of query heads.",
    )

    single: SingleHead | None = Field(
        default=None, description="Configs with a single key and value head."
    )

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        if self.key_value is None:
            return f"Heads: `config.{self.query}`, each with queries, keys and values of its own."
        return (
            f"Heads: `config.{self.query}` query heads share `config.{self.key_value}` key and"
            f" value heads (grouped-query attention where there are fewer){self._single}."
        )

    @property
    def _single(self) -> str:
        if self.single is None:
            return ""
        unless = f" and `config.{self.single.unless}` is not" if self.single.unless else ""
        return f", or a single one where `config.{self.single.when}` is set{unless}"
