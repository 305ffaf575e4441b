"""What all targets have in common, whatever it is that specs are rendered for."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from adaptergen.errors import Diagnostic
from adaptergen.registry import Entry

if TYPE_CHECKING:
    from adaptergen.spec.model import Spec


class Refusal(NamedTuple):
    """A part of a spec that a target has no words for: the keys that lead to it, and why."""

    keys: tuple[str, ...]
    message: str
    hint: str = ""


class Target(Protocol):
    """What specs are rendered for. Texts are Python, neither formatted nor under a header yet.

    A build makes one for the project's folders of templates, and renders only what is stale: what
    a target imports to render, it imports then.
    """

    # The modules that those of specs import, and the source of each as its header names it.
    shared: ClassVar[Mapping[str, str]] = MappingProxyType({})
    # Folders, the first that has a template winning.
    templates: Sequence[str]

    def __init__(self, templates: Sequence[str]) -> None:
        self.templates = templates

    def inputs(self) -> Sequence[tuple[str, str, str]]:
        """Kind, name and hash of what texts are made from, beside specs and this package."""
        return ()

    def mistakes(self) -> list[Diagnostic]:
        """Mistakes in templates that no spec would show."""
        return []

    def refused(self, spec: "Spec") -> Iterator[Refusal]:
        """The parts of a spec for which no module can be rendered."""
        ...

    def exported(self, spec: "Spec") -> str:
        """The name in a spec's module that the registry imports."""
        ...

    def module(self, spec: "Spec") -> str:
        """The module of a spec."""
        ...

    def shared_module(self, name: str) -> str:
        """A module that those of specs import.

        Raises:
            KeyError: if there is no such module.
        """
        raise KeyError(name)

    def registry(self, entries: Sequence[Entry]) -> str:
        """The module that lists the others by HF class."""
        ...
