"""The registry beside generated modules: which architecture each adapter is for.

It is made from the headers of the modules, so that building one spec leaves the others in place.
"""

from collections.abc import Iterable
from typing import NamedTuple

from adaptergen.errors import Failure, failure
from adaptergen.stamp import digest

FILE = "__init__.py"
SOURCE = "the modules beside it"


class Entry(NamedTuple):
    """A module, its adapter class, and the HF classes that it is for."""

    module: str
    class_name: str
    architectures: tuple[str, ...]

    @property
    def adapter(self) -> str:
        """The line of a module's header that says this."""
        return f"{self.class_name} for {', '.join(self.architectures)}"

    @classmethod
    def from_adapter(cls, module: str, adapter: str) -> "Entry":
        """The entry of a module, from its header's line."""
        class_name, _, architectures = adapter.partition(" for ")
        return cls(module, class_name, tuple(architectures.split(", ")))


def digest_entries(entries: Iterable[Entry]) -> str:
    """Hash over what the registry lists."""
    return digest(f"{entry.module} {entry.adapter}".encode() for entry in entries)


def check_unique(entries: Iterable[Entry], folder: str) -> None:
    """Each architecture and each class belongs to one module.

    Raises:
        Failure: naming both modules otherwise.
    """
    owners: dict[str, str] = {}
    clashes: list[Failure] = []
    for entry in entries:
        for name in (entry.class_name, *entry.architectures):
            owner = owners.setdefault(name, entry.module)
            if owner != entry.module:
                clashes.append(failure(folder, f"{owner} and {entry.module} both define '{name}'"))
    if clashes:
        raise Failure(d for clash in clashes for d in clash.diagnostics)
