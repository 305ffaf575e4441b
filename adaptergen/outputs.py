"""The files that a build writes: what each is made from, and how it is rendered."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from adaptergen import registry, schema_file
from adaptergen.errors import Diagnostic, Failure
from adaptergen.halves import by_halves
from adaptergen.language.files import spec_name
from adaptergen.project import Project
from adaptergen.registry import Entry
from adaptergen.sources import Sources, difference
from adaptergen.stamp import Stamp
from adaptergen.targets.target import Target

if TYPE_CHECKING:
    from adaptergen.spec.load import LoadedSpec, Loader


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
    """All that is written for some specs of a project, and one target."""

    def __init__(self, project: Project, specs: Sequence[str], target: Target) -> None:
        self.project = project
        self.target = target
        self._sources = Sources(project, target)
        self.modules = [self._module(spec) for spec in specs]
        self.shared = [self._shared(name) for name in target.shared]

    @cached_property
    def _mistakes(self) -> list[Diagnostic]:
        return self.target.mistakes()

    def drafts(self, outputs: Iterable[Output]) -> list[Draft]:
        """Some of the files, rendered.

        Raises:
            Failure: with all mistakes in specs and templates.
        """
        halves = by_halves(self._rendered, list(outputs))
        if mistakes := sum((found for _, found in halves), self._mistakes):
            raise Failure(mistakes)
        return [draft for drafts, _ in halves for draft in drafts]

    def _rendered(self, outputs: Sequence[Output]) -> tuple[list[Draft], list[Diagnostic]]:
        """The files without mistakes, and the mistakes of the others."""
        loader = self._loader()
        drafts: list[Draft] = []
        mistakes: list[Diagnostic] = []
        for output in outputs:
            try:
                drafts.append(output.render(loader))
            except Failure as error:
                # A template's mistake must not hide those of the specs after this one.
                mistakes += error.diagnostics
        return drafts, mistakes

    def _path(self, module: str) -> str:
        return os.path.join(self.project.output, f"{module}.py")

    def mistakes(self, outputs: Iterable[Output]) -> list[Diagnostic]:
        """Mistakes in the specs that some of the files are of: nothing is rendered."""
        loader = self._loader()
        mistakes: list[Diagnostic] = []
        for output in outputs:
            try:
                if output.spec:
                    self._load(output.spec, loader)
            except Failure as error:
                mistakes += error.diagnostics
        return mistakes

    def _loader(self) -> "Loader":
        from adaptergen.spec.load import Loader

        return Loader(self.project.spec_folders(), self._sources.read)

    def _load(self, spec: str, loader: "Loader") -> "LoadedSpec":
        """A spec that the target can render.

        Raises:
            Failure: with all mistakes in it, or all that the target refuses.
        """
        from adaptergen.spec.mistakes import descend, diagnostic_at

        loaded = loader.load(spec)
        refused = [
            diagnostic_at(descend(loaded.tree, keys)[1], f"'{'.'.join(keys)}': {why}", hint)
            for keys, why, hint in self.target.refused(loaded.spec)
        ]
        if refused:
            raise Failure(refused)
        return loaded

    def _module(self, spec: str) -> Output:
        """The module of a spec."""
        path = self._path(spec_name(spec))

        def change(found: Stamp) -> str:
            names = [name for kind, name, _ in found.inputs if kind == "spec"]
            chain = self._sources.chain(spec, names[1:])
            if missing := names[len(chain) :]:
                return f"spec {missing[0]} is gone"
            return difference(found, self._sources.adapter(spec, found.adapter, chain))

        def render(loader: "Loader") -> Draft:
            loaded = self._load(spec, loader)
            code, name = self.target.module(loaded.spec), self.target.exported(loaded.spec)
            listed = Entry(loaded.name, name, tuple(loaded.spec.architectures))
            chain = [loaded.path, *loaded.parents]
            return Draft(path, self._sources.adapter(spec, listed.adapter, chain), code)

        return Output(path, change, render, spec)

    def _shared(self, name: str) -> Output:
        """A module that those of specs import."""
        stamp = partial(self._sources.shared, name)
        return _made(self._path(name), stamp, partial(self.target.shared_module, name))

    def registry(self, entries: Sequence[Entry]) -> Output:
        """The registry of modules, which is made from what these say of themselves."""
        path = os.path.join(self.project.output, registry.FILE)
        stamp = partial(self._sources.registry, entries)
        return _made(path, stamp, partial(self.target.registry, entries))

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
    from adaptergen.targets.formatting import format_all

    kept = list(drafts)
    bodies = format_all({d.path: d.text for d in kept if d.path.endswith(".py")})
    # Popped, so that thousands of modules are not in memory twice.
    return {
        path: stamp.header(bodies[path]) + bodies.pop(path) if path in bodies else text
        for path, stamp, text in kept
    }
