"""The sources of generated files, and the stamps that name them."""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property

from adaptergen import installed, registry, stamp
from adaptergen.language.files import find_parent, read_bytes, spec_name
from adaptergen.project import Project
from adaptergen.registry import Entry
from adaptergen.stamp import Stamp
from adaptergen.targets.target import Target

Input = tuple[str, str, str]


class Sources:
    """What a project's files are made from; no spec is read twice."""

    def __init__(self, project: Project, target: Target) -> None:
        self.project = project
        self.target = target
        self._digests: dict[str, str] = {}

    def adapter(self, spec: str, adapter: str, chain: Sequence[str]) -> Stamp:
        """The stamp of a spec's module; `chain` are the files of the spec and of its parents."""
        inputs = [("spec", spec_name(path), self._digest(path)) for path in chain]
        return Stamp(self._shown(spec), adapter, (*inputs, *self._common))

    def shared(self, name: str) -> Stamp:
        """The stamp of a module that those of specs import."""
        return Stamp(self.target.shared[name], "", self._common)

    def registry(self, entries: Iterable[Entry]) -> Stamp:
        """The stamp of a registry of these modules."""
        listed = ("adapters", "", registry.digest_entries(entries))
        return Stamp(registry.SOURCE, "", (listed, *self._common))

    def chain(self, spec: str, names: Sequence[str]) -> list[str]:
        """The files of a spec and of its parents, by their names, up to the first that is gone."""
        chain = [spec]
        for name in names:
            parent = find_parent(name, chain[-1], self.project.spec_folders())
            if parent is None:
                break
            chain.append(parent)
        return chain

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a spec; what is stamped later is the hash of what was read here.

        Raises:
            Failure: if it cannot be read, or has more than `limit` bytes.
        """
        data = read_bytes(path, limit)
        self._digests[path] = stamp.digest([stamp.normal(data)])
        return data

    @cached_property
    def generator(self) -> str:
        """Hash over the code that makes modules."""
        return digest_generator()

    @cached_property
    def _common(self) -> tuple[Input, ...]:
        return (
            ("generator", "", self.generator),
            *self.target.inputs(),
            ("formatter", installed.FORMATTER, installed.formatter_version()),
        )

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            self._digests[path] = stamp.digest_file(path)
        return self._digests[path]

    def _shown(self, path: str) -> str:
        """A spec's path as the header names it: the same on every machine, and only a comment."""
        relative = os.path.relpath(path, self.project.root)
        name = os.path.basename(path) if relative.startswith("..") else relative
        return "".join(c if c.isalnum() or c in " ._-/" else "_" for c in name.replace(os.sep, "/"))


def digest_generator() -> str:
    """Hash over the code that makes modules."""
    package = os.path.dirname(os.path.abspath(__file__))
    return stamp.digest_folders([package], ".py", skip=installed.NO_GENERATOR)


def difference(found: Stamp, expected: Stamp) -> str:
    """The change since a file was generated, in words; empty if there was none."""
    if found.inputs == expected.inputs:
        return "" if found.source == expected.source else f"made from {found.source}"
    # By place, not by name: a spec and its bundled parent may share one.
    before = [*found.inputs, *(("", "", "") for _ in expected.inputs)]
    changed = [
        _change(new, old) for new, old in zip(expected.inputs, before, strict=False) if new != old
    ]
    return ", ".join(changed) or "made by another version of adaptergen"


def _change(new: Input, old: Input) -> str:
    kind, name, now = new
    if kind == "formatter" and old[:2] == new[:2]:
        return f"formatter {name} is {now}, was {old[2]}"
    return f"{kind} {name}".strip() + " changed"
