"""Modules as they are to be written: rendered, formatted, and their headers on top."""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from adaptergen import support
from adaptergen.errors import Diagnostic, Failure
from adaptergen.halves import by_halves
from adaptergen.language.files import spec_name
from adaptergen.registry import Entry
from adaptergen.sources import Sources
from adaptergen.stamp import Stamp

if TYPE_CHECKING:
    from adaptergen.render import Renderer


class Target(NamedTuple):
    """A spec and the module made from it."""

    name: str
    spec: str
    module: str

    @classmethod
    def of(cls, spec: str, folder: str) -> "Target":
        """The module of a spec in a folder of modules."""
        name = spec_name(spec)
        return cls(name, spec, os.path.join(folder, support.file(name)))


class Draft(NamedTuple):
    """A file as rendered, and what its header will say; not formatted yet."""

    path: str
    stamp: Stamp
    code: str


class Drafts:
    """Renders what a project's sources say."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources

    @cached_property
    def _renderer(self) -> "Renderer":
        from adaptergen.render import Renderer

        return Renderer(self.sources.templates)

    def adapters(self, targets: Iterable[Target]) -> list[Draft]:
        """The modules of specs.

        Raises:
            Failure: with all mistakes in specs and templates.
        """
        mistakes = self._renderer.misspelt()
        halves = by_halves(self._rendered, list(targets))
        for _, found in halves:
            mistakes += found
        if mistakes:
            raise Failure(mistakes)
        return [draft for drafts, _ in halves for draft in drafts]

    def _rendered(self, targets: Sequence[Target]) -> tuple[list[Draft], list[Diagnostic]]:
        """The modules of specs without mistakes, and the mistakes of the others."""
        from adaptergen.render import class_name
        from adaptergen.spec.load import Loader

        loader = Loader(self.sources.project.spec_folders(), self.sources.read)
        drafts: list[Draft] = []
        mistakes: list[Diagnostic] = []
        for target in targets:
            try:
                loaded = loader.load(target.spec)
                code = self._renderer.adapter(loaded.spec)
            except Failure as error:
                # A template's mistake must not hide those of the specs after this one.
                mistakes += error.diagnostics
                continue
            entry = Entry(target.name, class_name(loaded.spec), tuple(loaded.spec.architectures))
            chain = [loaded.path, *loaded.parents]
            stamp = self.sources.adapter(target.spec, entry.adapter, chain)
            drafts.append(Draft(target.module, stamp, code))
        return drafts, mistakes

    def support(self, name: str, path: str) -> Draft:
        """A module that adapters import.

        Raises:
            Failure: for mistakes in its template.
        """
        return Draft(path, self.sources.support(name), self._renderer.support(name))

    def registry(self, entries: Sequence[Entry], path: str) -> Draft:
        """The registry of modules.

        Raises:
            Failure: for mistakes in its template.
        """
        return Draft(path, self.sources.registry(entries), self._renderer.registry(entries))


def finished(drafts: Iterable[Draft]) -> dict[str, str]:
    """The drafts formatted, ruff running once for all, and their headers on top; by path.

    Raises:
        Failure: for what is not Python.
    """
    from adaptergen.render import format_all

    stamps = {draft.path: draft.stamp for draft in drafts}
    bodies = format_all({draft.path: draft.code for draft in drafts})
    # Popped, so that thousands of modules are not in memory twice.
    return {path: stamp.header(bodies[path]) + bodies.pop(path) for path, stamp in stamps.items()}
