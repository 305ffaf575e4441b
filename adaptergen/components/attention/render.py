"""Attention as TransformerLens has it: bridges, and fields of its config."""

from typing import Any, ClassVar, Generic, TypeVar

from adaptergen.components.attention.spec import Attention
from adaptergen.language.kinds import module_of

A = TypeVar("A", bound=Attention)


class AttentionRender(Generic[A]):
    """The rendering of attention; each kind has a subclass that is called `Render`.

    `block_bridge` is the class that wraps blocks, where it is none of the usual ones. `has_inputs`
    says whether something in it reads for queries, keys or values alone.
    """

    block_bridge: ClassVar[str | None] = None
    has_inputs: ClassVar[bool] = True

    def __init__(self, attention: A) -> None:
        self.attention = attention

    def bridge(self, fuses: bool) -> str:
        """The class that wraps HF's module, which may compute instead if it `fuses`."""
        raise NotImplementedError

    @property
    def customised(self) -> bool:
        """Whether the generated module has a subclass of its own of the bridge."""
        return False

    @property
    def window(self) -> str:
        """Tokens that a layer sees, as an expression of HF's; empty where HF's mask says it."""
        return ""

    @property
    def flags(self) -> dict[str, bool]:
        """Flags of TL's config that say how it computes."""
        return {}

    @property
    def settings(self) -> dict[str, str | None]:
        """Fields of TL's config that TL does not fill by itself, with the HF config keys."""
        return {}


def render_of(attention: Attention) -> AttentionRender[Any]:
    """The rendering of attention, by its kind."""
    found: AttentionRender[Any] = module_of(attention, "render").Render(attention)
    return found
