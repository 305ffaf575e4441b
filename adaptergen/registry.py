"""The registry beside generated modules: which architecture each adapter is for.

It is made from the headers of the modules, so that building one spec leaves the others in place.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from adaptergen.errors import Diagnostic, Failure, shown_path
from adaptergen.stamp import digest

FILE = "__init__.py"
SOURCE = "the modules beside it"
_LISTED = re.compile(rb"^from \.(\w+) import ", re.MULTILINE)


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


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """Entries in the order of their imports: numbers count as numbers, qwen2 before qwen10."""
    return sorted(entries, key=lambda entry: [*map(_numbered, re.split("([0-9]+)", entry.module))])


def _numbered(part: str) -> tuple[int, str]:
    return (int(part), part) if part.isdigit() else (0, part.lower())


def digest_entries(entries: Iterable[Entry]) -> str:
    """Hash over what the registry lists."""
    return digest(f"{entry.module} {entry.adapter}".encode() for entry in entries)


def listed(text: bytes) -> frozenset[str]:
    """The names of the modules that the text of a registry lists."""
    return frozenset(name.decode() for name in _LISTED.findall(text))


def check_unique(entries: Iterable[Entry], specs: Mapping[str, str]) -> None:
    """Each architecture and each class belongs to one module; `specs` are the files they are from.

    Raises:
        Failure: naming both otherwise.
    """
    owners: dict[str, str] = {}
    clashes: list[Diagnostic] = []
    for entry in entries:
        shared = [
            (name, owner)
            for name in (*entry.architectures, entry.class_name)
            if (owner := owners.setdefault(name, entry.module)) != entry.module
        ]
        if shared:
            name, owner = shared[0]
            message = f"'{name}' is that of {shown_path(specs[owner])} already"
            hint = "`class_prefix` renames the class" if name == entry.class_name else ""
            clashes.append(Diagnostic(specs[entry.module], 0, 0, message, hint))
    if clashes:
        raise Failure(clashes)
