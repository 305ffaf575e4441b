"""Brings generated modules up to date with their specs: hashes decide what has to be rendered."""

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from adaptergen import registry
from adaptergen.errors import Diagnostic
from adaptergen.folder import Folder
from adaptergen.language.files import spec_name
from adaptergen.lock import Lock
from adaptergen.outputs import Draft, Output, Outputs, finished
from adaptergen.project import Project
from adaptergen.registry import Entry
from adaptergen.targets.registered import DEFAULT, target_of
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
        target: str = DEFAULT,
        *,
        whole: bool = True,
        force: bool = False,
        prune: bool = False,
        render: bool = False,
    ) -> None:
        self.project = project
        self.specs = specs
        self.whole = whole
        self.force = force
        self.prune = prune
        self.render = render
        self._folder = Folder(project)
        self._outputs = Outputs(project, specs, target_of(target, project.template_folders()))

    def stale(self) -> list[Change]:
        """The files that are out of date, without what they should be: nothing is rendered."""
        changes = [Change(output.path, why) for output, why in self._stale]
        changes += self._orphans()
        # Which modules it has to list is known only when the others are up to date.
        if changes:
            return changes
        last = self._outputs.registry(self._entries())
        return [Change(last.path, why)] if (why := self._why_stale(last)) else []

    def left_alone(self) -> list[str]:
        """Generated modules without a spec that no build of this project is known to have written.

        They are neither removed nor listed in the registry.
        """
        return [] if self.prune else [p for p in self._unwanted if not self._folder.is_listed(p)]

    def mistakes(self) -> list[Diagnostic]:
        """Mistakes in the specs of stale modules: nothing is rendered."""
        return self._outputs.mistakes(output for output, _ in self._stale)

    def changes(self) -> list[Change]:
        """The files that are out of date, with what they should be, in the order to write them.

        Raises:
            Failure: for mistakes in specs and templates, and for files that may not be replaced.
            Unusable: if the output is no folder to write to.
        """
        self._folder.refuse_place()
        orphans = self._orphans()
        reasons = {output.path: why for output, why in self._stale}
        self._refuse_foreign([*reasons, *(change.path for change in orphans)])
        needed = self._planned if self.render else [output for output, _ in self._stale]
        drafts = self._outputs.drafts(needed)
        entries = self._entries(drafts)
        registry.check_unique(entries, self._files_of(entries))
        last = self._outputs.registry(entries)
        if why := self._why_stale(last):
            self._refuse_foreign([last.path])
            reasons[last.path] = why
        if why or self.render:
            drafts += self._outputs.drafts([last])
        texts = finished(drafts)
        if self.render:
            reasons |= self._forged(texts, reasons)
        changes = [Change(path, reasons[path], texts[path]) for path in texts if path in reasons]
        # The registry says which modules builds have written, so it is the last to change.
        return sorted([*changes, *orphans], key=lambda change: change.path == last.path)

    def texts(self) -> list[str]:
        """The modules of all specs, whether or not they are out of date.

        Raises:
            Failure: for mistakes in specs and templates.
        """
        return list(finished(self._outputs.drafts(self._outputs.modules)).values())

    @cached_property
    def _planned(self) -> list[Output]:
        """All that this run looks after, but for the registry."""
        schema = self._outputs.schema
        has_schema = self.whole and os.path.lexists(schema.path)
        return [*self._outputs.modules, *self._outputs.shared, *([schema] if has_schema else [])]

    @cached_property
    def _stale(self) -> list[tuple[Output, str]]:
        """What of it is out of date, and why."""
        return [(output, why) for output in self._planned if (why := self._why_stale(output))]

    def _why_stale(self, output: Output) -> str:
        """Why a file is not what it should be; empty if it is."""
        found = self._folder.state(output.path)
        return found if isinstance(found, str) else output.change(found)

    @cached_property
    def _unwanted(self) -> list[str]:
        """Generated modules whose spec is gone."""
        return self._folder.orphans(o.path for o in self._planned) if self.whole else []

    def _orphans(self) -> list[Change]:
        kept = self.left_alone()
        return [Change(path, "its spec is gone") for path in self._unwanted if path not in kept]

    def _entries(self, drafts: Iterable[Draft] = ()) -> list[Entry]:
        """Entries of the registry: the modules just rendered, and those already there.

        Of the latter, only those with a spec, or which the registry lists so far: others may have
        been copied there.
        """
        adapters = {spec_name(d.path): d.stamp.adapter for d in drafts if d.stamp.adapter}
        gone = self._folder.orphans(output.path for output in self._outputs.modules)
        left_out = {p for p in gone if self.whole or not self._folder.is_listed(p)}
        for path in self._folder.modules:
            name = spec_name(path)
            if name not in adapters and path not in left_out:
                stamped = self._folder.stamped(path)
                adapters[name] = stamped.stamp.adapter if stamped else ""
        entries = [Entry.from_adapter(name, line) for name, line in adapters.items() if line]
        return registry.ordered(entries)

    def _files_of(self, entries: Iterable[Entry]) -> dict[str, str]:
        """The file to name when something is wrong with an entry: its spec, or its module."""
        modules = {e.module: os.path.join(self.project.output, f"{e.module}.py") for e in entries}
        return {**modules, **{spec_name(spec): spec for spec in self.specs}}

    def _forged(self, texts: Mapping[str, str], known: Container[str]) -> dict[str, str]:
        """The files that are fresh, as their headers say, and are something else.

        Raises:
            Failure: if they may not be replaced.
        """
        others = [p for p in texts if p not in known and not self._folder.holds(p, texts[p])]
        if not self.force:
            self._folder.refuse(others, FORGED)
        return dict.fromkeys(others, FORGED)

    def _refuse_foreign(self, paths: Iterable[str]) -> None:
        if not self.force:
            self._folder.refuse_foreign(paths)


def bring_up_to_date(project: Project, specs: Sequence[str], target: str = DEFAULT) -> list[Change]:
    """Write the modules of some of a project's specs that are out of date, and say which.

    Raises:
        Failure: as `Build.changes` does.
        Unusable: as that does, and if a file cannot be written.
    """
    with Lock(project.output):
        changes = Build(project, specs, target, whole=False).changes()
        write_all({change.path: change.text for change in changes}, follow=False)
    return changes
