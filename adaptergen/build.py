"""Brings generated modules up to date with their specs: hashes decide what has to be rendered."""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from adaptergen import registry, support
from adaptergen.errors import Diagnostic, Failure
from adaptergen.output import Output
from adaptergen.project import Project
from adaptergen.registry import Entry
from adaptergen.sources import Sources, difference
from adaptergen.spec.files import spec_name
from adaptergen.stamp import Stamp

if TYPE_CHECKING:
    from adaptergen.render import Renderer


class Change(NamedTuple):
    """A file that is not what its spec says, and why; `text` is what it should be, None nothing."""

    path: str
    reason: str
    text: str | None = None


class Target(NamedTuple):
    """A spec and the module made from it."""

    name: str
    spec: str
    module: str


class Draft(NamedTuple):
    """A file as rendered, and what its header will say; not formatted yet."""

    path: str
    stamp: Stamp
    code: str


class Build:
    """One run over some specs of a project; what it has once found of a file, it does not reread.

    `whole` says that these are all of the project's specs, so that other modules are orphans.
    `force` allows files that were edited by hand, or are not ours, to be replaced.
    """

    def __init__(
        self, project: Project, specs: Sequence[str], *, whole: bool = True, force: bool = False
    ) -> None:
        self.project = project
        self.whole = whole
        self.force = force
        self.targets = [self._target(path) for path in specs]
        self._output = Output(project.output)
        self._sources = Sources(project)

    def stale(self) -> list[Change]:
        """The files that are out of date, without what they should be: nothing is rendered."""
        changes = [Change(target.module, reason) for target, reason in self._stale.items()]
        changes += [Change(path, reason) for path, reason in self._stale_support.items()]
        changes += self._orphans()
        if not changes and (reason := self._why_registry_stale(self._entries())):
            changes.append(Change(self._registry_path, reason))
        return changes

    def mistakes(self) -> list[Diagnostic]:
        """What is wrong in the specs of stale modules: nothing is rendered."""
        from adaptergen.spec.load import Loader

        try:
            for _ in Loader(self.project.spec_folders()).load_all(t.spec for t in self._stale):
                pass
        except Failure as error:
            return error.diagnostics
        return []

    def changes(self) -> list[Change]:
        """The files that are out of date, with what they should be.

        Raises:
            Failure: for mistakes in specs and templates, and for files that may not be replaced.
        """
        from adaptergen.render import Renderer

        self._output.refuse_file()
        reasons = {target.module: reason for target, reason in self._stale.items()}
        reasons |= self._stale_support
        orphans = self._orphans()
        self._refuse_foreign([*reasons, *(orphan.path for orphan in orphans)])
        renderer = Renderer(self._sources.templates)
        drafts = self._drafts(renderer, self._stale)
        drafts += [
            Draft(path, self._sources.support(name), renderer.support(name))
            for name, path in self._support.items()
            if path in reasons
        ]
        entries = self._entries(drafts)
        registry.check_unique(entries, self._files_of(entries))
        if reason := self._why_registry_stale(entries):
            self._refuse_foreign([self._registry_path])
            code = renderer.registry(entries)
            drafts.append(Draft(self._registry_path, self._sources.registry(entries), code))
            reasons[self._registry_path] = reason
        texts = _finish(drafts)
        return [Change(path, reason, texts[path]) for path, reason in reasons.items()] + orphans

    def texts(self) -> list[str]:
        """The modules of all specs, whether or not they are out of date.

        Raises:
            Failure: for mistakes in specs and templates.
        """
        from adaptergen.render import Renderer

        return list(_finish(self._drafts(Renderer(self._sources.templates), self.targets)).values())

    def _drafts(self, renderer: "Renderer", targets: Iterable[Target]) -> list[Draft]:
        from adaptergen.render import class_name
        from adaptergen.spec.load import Loader

        loader = Loader(self.project.spec_folders())
        drafts: list[Draft] = []
        mistakes: list[Diagnostic] = []
        for target in targets:
            try:
                loaded = loader.load(target.spec)
                code = renderer.adapter(loaded.spec)
            except Failure as error:
                # A template's mistake must not hide those of the specs after this one.
                mistakes += error.diagnostics
                continue
            entry = Entry(target.name, class_name(loaded.spec), tuple(loaded.spec.architectures))
            chain = [loaded.path, *loaded.parents]
            stamp = self._sources.adapter(target.spec, entry.adapter, chain)
            drafts.append(Draft(target.module, stamp, code))
        if mistakes:
            raise Failure(mistakes)
        return drafts

    def _target(self, spec: str) -> Target:
        name = spec_name(spec)
        return Target(name, spec, os.path.join(self.project.output, f"{name}.py"))

    @property
    def _registry_path(self) -> str:
        return os.path.join(self.project.output, registry.FILE)

    @property
    def _support(self) -> dict[str, str]:
        """The modules that adapters import, and their paths."""
        return {
            name: os.path.join(self.project.output, support.file(name)) for name in support.MODULES
        }

    @cached_property
    def _stale_support(self) -> dict[str, str]:
        """The modules that adapters import and that are out of date, and why."""
        reasons = {p: self._why_not(p, self._sources.support(n)) for n, p in self._support.items()}
        return {path: reason for path, reason in reasons.items() if reason}

    @cached_property
    def _stale(self) -> dict[Target, str]:
        """The modules that are out of date, and why."""
        return {t: reason for t in self.targets if (reason := self._why_stale(t))}

    def _why_stale(self, target: Target) -> str:
        found = self._output.state(target.module)
        if isinstance(found, str):
            return found
        names = [name for kind, name, _ in found.inputs if kind == "spec"]
        chain = self._sources.chain(target.spec, names[1:])
        missing = names[len(chain) :]
        if missing:
            return f"spec {missing[0]} is gone"
        return difference(found, self._sources.adapter(target.spec, found.adapter, chain))

    def _orphans(self) -> list[Change]:
        if not self.whole:
            return []
        beside = {*self._support.values(), self._registry_path}
        wanted = {target.module for target in self.targets} | beside
        return [
            Change(path, "its spec is gone")
            for path in self._output.modules
            if path not in wanted and self._output.stamped(path)
        ]

    def _entries(self, drafts: Iterable[Draft] = ()) -> list[Entry]:
        """What the registry lists: the modules just rendered, and those already there."""
        adapters = {spec_name(draft.path): draft.stamp.adapter for draft in drafts}
        known = {target.name for target in self.targets}
        for path in self._output.modules:
            name = spec_name(path)
            if name not in adapters and (name in known or not self.whole):
                stamped = self._output.stamped(path)
                adapters[name] = stamped.stamp.adapter if stamped else ""
        entries = [Entry.from_adapter(name, line) for name, line in adapters.items() if line]
        return registry.ordered(entries)

    def _files_of(self, entries: Iterable[Entry]) -> dict[str, str]:
        """The file to name when something is wrong with an entry: its spec, or its module."""
        modules = {e.module: os.path.join(self.project.output, f"{e.module}.py") for e in entries}
        return {**modules, **{target.name: target.spec for target in self.targets}}

    def _why_registry_stale(self, entries: list[Entry]) -> str:
        return self._why_not(self._registry_path, self._sources.registry(entries))

    def _refuse_foreign(self, paths: Iterable[str]) -> None:
        if not self.force:
            self._output.refuse_foreign(paths)

    def _why_not(self, path: str, expected: Stamp) -> str:
        """Why a file is not what its stamp should be; empty if it is."""
        found = self._output.state(path)
        return found if isinstance(found, str) else difference(found, expected)


def _finish(drafts: Sequence[Draft]) -> dict[str, str]:
    """The drafts formatted, ruff running once for all, and their headers on top; by path."""
    from adaptergen.render import format_all

    bodies = format_all({draft.path: draft.code for draft in drafts})
    # Popped, so that thousands of modules are not in memory twice.
    return {d.path: d.stamp.header(bodies[d.path]) + bodies.pop(d.path) for d in drafts}
