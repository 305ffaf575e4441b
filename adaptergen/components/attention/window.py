"""Sliding-window attention: a claim, and code only where HF's attention makes its own mask."""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from adaptergen.language.facet import Choice, OneOf, Word
from adaptergen.language.values import Attribute, ConfigKey


class NoWindow(Word):
    """Every layer sees every earlier token."""

    word: ClassVar[str] = "none"
    fact: ClassVar[str] = "Window: none, every layer sees all earlier tokens."


class ConfigWindow(Choice):
    """Every layer sees as many tokens as this HF config key says (null: all of them)."""

    word: ClassVar[str] = "config"

    config: ConfigKey = Field(description="HF config key, such as `sliding_window`.")

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return f"Window: every layer sees the last `config.{self.config}` tokens, in HF's mask."


class FlaggedWindow(Choice):
    """Layers whose HF attention has this attribute set see that many tokens; the others see all."""

    word: ClassVar[str] = "flag"

    flag: Attribute = Field(
        description="Attribute of the HF attention module, such as `sliding_window`."
    )

    @property
    def fact(self) -> str:
        """The facet in a sentence of the docstring."""
        return (
            f"Window: a layer sees the last `{self.flag}` tokens where its HF attention sets that"
            " attribute, in HF's mask."
        )


class SlidingLayersWindow(Word):
    """Layers whose HF attention has `is_sliding` truthy see `sliding_window` tokens, others all."""

    word: ClassVar[str] = "sliding_layers"
    fact: ClassVar[str] = (
        "Window: a layer whose HF attention has `is_sliding` truthy sees the last `sliding_window`"
        " tokens, in HF's mask."
    )


Window: TypeAlias = Annotated[
    NoWindow | ConfigWindow | FlaggedWindow | SlidingLayersWindow,
    OneOf(NoWindow, ConfigWindow, FlaggedWindow, SlidingLayersWindow),
]
