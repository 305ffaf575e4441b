"""Brings generated modules up to date with their specs: hashes decide what has to be rendered."""

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from adaptergen import registry, schema_file, support
from adaptergen.drafts import Draft, Drafts, Target, finished
from adaptergen.errors import Diagnostic, Failure
from adaptergen.language.files import spec_name
from adaptergen.lock import Lock
from adaptergen.output import Output
from adaptergen.project import Project
from adaptergen.registry import Entry
from adaptergen.sources import Sources, difference
from adaptergen.stamp import Stamp
from adaptergen.writing import write_all

# What only rendering finds: hashes that were made to fit.
FORGED = "its hashes match, and its spec renders something else"


class Change(NamedTuple):
    """A file that is not what its spec says, and why; `text` is what it should be, None nothing."""

    path: str
    reason: str
    text: str | None = None


class Build:
    """One run over some specs of a project; what it has once found of a file, it does not reread.

    `whole` says that these are all of the project's specs, so that other modules are orphans.
    `force` allows files that were edited by hand, or are not ours, to be replaced, and `prune`
    modules without a spec to be removed, whoever put them there. With `render`, no header is
    trusted: everything is rendered and compared.
    """

    def __init__(
        self,
        project: Project,
        specs: Sequence[str],
        *,
        whole: bool = True,
        force: bool = False,
        prune: bool = False,
        render: bool = False,
    ) -> None:
        self.project = project
        self.whole = whole
        self.force = force
        self.prune = prune
        self.render = render
        self.targets = [Target.of(path, project.output) for path in specs]
        self._output = Output(project)
        self._sources = Sources(project)
        self._drafts = Drafts(self._sources)

    def stale(self) -> list[Change]:
        """The files that are out of date, without what they should be: nothing is rendered."""
        changes = [Change(target.module, reason) for target, reason in self._stale.items()]
        changes += [Change(path, reason) for path, reason in self._stale_support.items()]
        changes += self._orphans()
        if not changes and (reason := self._why_registry_stale(self._entries())):
            changes.append(Change(self._registry_path, reason))
        if self._why_schema_stale:
            changes.append(Change(self._schema_path, self._why_schema_stale))
        return changes

    def left_alone(self) -> list[str]:
        """Generated modules without a spec that no build of this project is known to have written.

        They are neither removed nor listed in the registry.
        """
        return [] if self.prune else [p for p in self._unwanted if not self._output.is_listed(p)]

    def mistakes(self) -> list[Diagnostic]:
        """Mistakes in the specs of stale modules: nothing is rendered."""
        from adaptergen.spec.load import Loader

        try:
            for _ in Loader(self.project.spec_folders()).load_all(t.spec for t in self._stale):
                pass
        except Failure as error:
            return error.diagnostics
        return []

    def changes(self) -> list[Change]:
        """The files that are out of date, with what they should be, in the order to write them.

        Raises:
            Failure: for mistakes in specs and templates, and for files that may not be replaced.
            Unusable: if the output is no folder to write to.
        """
        self._output.refuse_place()
        reasons = {change.path: change.reason for change in self.stale()}
        # Which modules it has to list is known only when they are rendered.
        reasons.pop(self._registry_path, None)
        self._refuse_foreign(reasons)
        drafts = self._needed(reasons)
        entries = self._entries(drafts)
        registry.check_unique(entries, self._files_of(entries))
        if reason := self._why_registry_stale(entries):
            self._refuse_foreign([self._registry_path])
            reasons[self._registry_path] = reason
        if reason or self.render:
            drafts.append(self._drafts.registry(entries, self._registry_path))
        texts = finished(drafts)
        if self._has_schema and (self.render or self._why_schema_stale):
            texts[self._schema_path] = schema_file.text(self._sources.generator)
        if self.render:
            reasons |= self._forged(texts, reasons)
        changes = [Change(path, reasons[path], texts[path]) for path in texts if path in reasons]
        # The registry says which modules builds have written, so it is the last to change.
        return sorted([*changes, *self._orphans()], key=lambda c: c.path == self._registry_path)

    def texts(self) -> list[str]:
        """The modules of all specs, whether or not they are out of date.

        Raises:
            Failure: for mistakes in specs and templates.
        """
        return list(finished(self._drafts.adapters(self.targets)).values())

    def _needed(self, stale: Container[str]) -> list[Draft]:
        """The stale adapters and the stale modules that they import; with `render`, all."""
        drafts = self._drafts.adapters(self.targets if self.render else self._stale)
        needed = [(n, p) for n, p in self._support.items() if self.render or p in stale]
        return drafts + [self._drafts.support(name, path) for name, path in needed]

    @property
    def _registry_path(self) -> str:
        return os.path.join(self.project.output, registry.FILE)

    @property
    def _schema_path(self) -> str:
        return os.path.join(self.project.specs, schema_file.FILE)

    @cached_property
    def _has_schema(self) -> bool:
        """Whether this run is to look after the schema beside the project's specs."""
        return self.whole and os.path.lexists(self._schema_path)

    @cached_property
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

    @cached_property
    def _why_schema_stale(self) -> str:
        """Why the schema beside the project's specs is not of this version; empty if it is."""
        if not self._has_schema:
            return ""
        return self._why_not(self._schema_path, schema_file.stamp(self._sources.generator))

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

    @cached_property
    def _unwanted(self) -> list[str]:
        """Generated modules whose spec is gone."""
        wanted = [*(target.module for target in self.targets), *self._support.values()]
        return self._output.orphans(wanted) if self.whole else []

    def _orphans(self) -> list[Change]:
        kept = self.left_alone()
        return [Change(path, "its spec is gone") for path in self._unwanted if path not in kept]

    def _entries(self, drafts: Iterable[Draft] = ()) -> list[Entry]:
        """Entries of the registry: the modules just rendered, and those already there.

        Of the latter, only those with a spec, or which the registry lists so far: others may have
        been copied there.
        """
        adapters = {spec_name(draft.path): draft.stamp.adapter for draft in drafts}
        gone = self._output.orphans(target.module for target in self.targets)
        left_out = {p for p in gone if self.whole or not self._output.is_listed(p)}
        for path in self._output.modules:
            name = spec_name(path)
            if name not in adapters and path not in left_out:
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

    def _why_not(self, path: str, expected: Stamp) -> str:
        """Why a file is not what its stamp should be; empty if it is."""
        found = self._output.state(path)
        return found if isinstance(found, str) else difference(found, expected)

    def _forged(self, texts: Mapping[str, str], known: Container[str]) -> dict[str, str]:
        """The files that are fresh, as their headers say, and are something else.

        Raises:
            Failure: if they may not be replaced.
        """
        others = [p for p in texts if p not in known and not self._output.holds(p, texts[p])]
        if not self.force:
            self._output.refuse(others, FORGED)
        return dict.fromkeys(others, FORGED)

    def _refuse_foreign(self, paths: Iterable[str]) -> None:
        if not self.force:
            self._output.refuse_foreign(paths)


def bring_up_to_date(project: Project, specs: Sequence[str]) -> list[Change]:
    """Write the modules of some of a project's specs that are out of date, and say which.

    Raises:
        Failure: as `Build.changes` does.
        Unusable: as that does, and if a file cannot be written.
    """
    with Lock(project.output):
        changes = Build(project, specs, whole=False).changes()
        write_all({change.path: change.text for change in changes}, follow=False)
    return changes
