"""The files that a build writes: what each is made from, and how it is rendered."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from adaptergen import registry, schema_file, support
from adaptergen.errors import Diagnostic, Failure
from adaptergen.halves import by_halves
from adaptergen.language.files import spec_name
from adaptergen.project import Project
from adaptergen.registry import Entry
from adaptergen.sources import Sources, difference
from adaptergen.stamp import Stamp

if TYPE_CHECKING:
    from adaptergen.render import Renderer
    from adaptergen.spec.load import Loader


class Draft(NamedTuple):
    """A file as rendered, and what its header says; Python lacks its header and its format yet."""

    path: str
    stamp: Stamp
    text: str


class Output(NamedTuple):
    """A file that a build writes; `spec` is the file that it describes, empty where it is none.

    `change` says in words what has changed since a file of this stamp was made, and nothing where
    all is as it was. `render` may read specs.
    """

    path: str
    change: Callable[[Stamp], str]
    render: Callable[["Loader"], Draft]
    spec: str = ""


class Outputs:
    """All that is written for some specs of a project."""

    def __init__(self, project: Project, specs: Sequence[str]) -> None:
        self.project = project
        self._sources = Sources(project)
        self.adapters = [self._adapter(spec) for spec in specs]
        self.shared = [self._shared(name) for name in support.MODULES]

    @cached_property
    def _renderer(self) -> "Renderer":
        from adaptergen.render import Renderer

        return Renderer(self._sources.templates)

    @cached_property
    def _misspelt(self) -> list[Diagnostic]:
        return self._renderer.misspelt()

    def drafts(self, outputs: Iterable[Output]) -> list[Draft]:
        """Some of the files, rendered.

        Raises:
            Failure: with all mistakes in specs and templates.
        """
        halves = by_halves(self._rendered, list(outputs))
        if mistakes := sum((found for _, found in halves), self._misspelt):
            raise Failure(mistakes)
        return [draft for drafts, _ in halves for draft in drafts]

    def _rendered(self, outputs: Sequence[Output]) -> tuple[list[Draft], list[Diagnostic]]:
        """The files without mistakes, and the mistakes of the others."""
        from adaptergen.spec.load import Loader

        loader = Loader(self.project.spec_folders(), self._sources.read)
        drafts: list[Draft] = []
        mistakes: list[Diagnostic] = []
        for output in outputs:
            try:
                drafts.append(output.render(loader))
            except Failure as error:
                # A template's mistake must not hide those of the specs after this one.
                mistakes += error.diagnostics
        return drafts, mistakes

    def _adapter(self, spec: str) -> Output:
        """The module of a spec."""
        path = os.path.join(self.project.output, support.file(spec_name(spec)))

        def change(found: Stamp) -> str:
            names = [name for kind, name, _ in found.inputs if kind == "spec"]
            chain = self._sources.chain(spec, names[1:])
            if missing := names[len(chain) :]:
                return f"spec {missing[0]} is gone"
            return difference(found, self._sources.adapter(spec, found.adapter, chain))

        def render(loader: "Loader") -> Draft:
            loaded = loader.load(spec)
            code = self._renderer.adapter(loaded.spec)
            listed = Entry(loaded.name, loaded.spec.adapter, tuple(loaded.spec.architectures))
            chain = [loaded.path, *loaded.parents]
            return Draft(path, self._sources.adapter(spec, listed.adapter, chain), code)

        return Output(path, change, render, spec)

    def _shared(self, name: str) -> Output:
        """A module that adapters import."""
        path = os.path.join(self.project.output, support.file(name))
        stamp = partial(self._sources.support, name)
        return _made(path, stamp, lambda: self._renderer.support(name))

    def registry(self, entries: Sequence[Entry]) -> Output:
        """The registry of modules, which is made from what these say of themselves."""
        path = os.path.join(self.project.output, registry.FILE)
        stamp = partial(self._sources.registry, entries)
        return _made(path, stamp, lambda: self._renderer.registry(entries))

    @cached_property
    def schema(self) -> Output:
        """The schema beside the project's specs."""
        path = os.path.join(self.project.specs, schema_file.FILE)
        return _made(
            path,
            lambda: schema_file.stamp(self._sources.generator),
            lambda: schema_file.text(self._sources.generator),
        )


def _made(path: str, stamp: Callable[[], Stamp], text: Callable[[], str]) -> Output:
    """A file that is made from no spec."""
    return Output(
        path, lambda found: difference(found, stamp()), lambda _: Draft(path, stamp(), text())
    )


def finished(drafts: Iterable[Draft]) -> dict[str, str]:
    """The texts of files by path: Python formatted, ruff running once for all, under its header.

    Raises:
        Failure: for what should be Python and is not.
    """
    from adaptergen.render import format_all

    kept = list(drafts)
    bodies = format_all({d.path: d.text for d in kept if d.path.endswith(".py")})
    # Popped, so that thousands of modules are not in memory twice.
    return {
        path: stamp.header(bodies[path]) + bodies.pop(path) if path in bodies else text
        for path, stamp, text in kept
    }
