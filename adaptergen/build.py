"""Brings generated modules up to date with their specs: hashes decide what has to be rendered."""

import os
from collections.abc import Iterable, Sequence
from keyword import iskeyword
from typing import NamedTuple

from adaptergen import registry, stamp
from adaptergen.errors import Diagnostic, Failure, did_you_mean, shown_path
from adaptergen.project import Project
from adaptergen.registry import Entry
from adaptergen.spec.files import ENDING, find_parent, find_spec, spec_files, spec_name
from adaptergen.stamp import Stamp

_GENERATOR_PARTS = ("spec", "render")


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


class Rendered(NamedTuple):
    """A module's registry entry and its text."""

    entry: Entry
    text: str


class Build:
    """One run over some specs of a project.

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
        self._digests: dict[str, str] = {}
        package = os.path.dirname(os.path.abspath(__file__))
        generator = [os.path.join(package, part) for part in _GENERATOR_PARTS]
        self._common = (
            ("generator", "", stamp.digest_folders(generator, ".py")),
            ("templates", "", stamp.digest_folders(project.template_folders(), ".j2")),
        )

    def stale(self) -> list[Change]:
        """The files that are out of date, without what they should be: nothing is rendered."""
        changes = [
            Change(target.module, reason)
            for target in self.targets
            if (reason := self._why_stale(target))
        ]
        changes += self._orphans()
        if not changes and (reason := self._why_registry_stale(self._entries({}))):
            changes.append(Change(self._registry_path, reason))
        return changes

    def changes(self) -> list[Change]:
        """The files that are out of date, with what they should be.

        Raises:
            Failure: for mistakes in specs and templates, and for files that may not be replaced.
        """
        stale = {t: reason for t in self.targets if (reason := self._why_stale(t))}
        orphans = self._orphans()
        self._refuse_foreign([*(t.module for t in stale), *(c.path for c in orphans)])
        rendered = self.render(stale)
        changes = [Change(t.module, reason, rendered[t].text) for t, reason in stale.items()]
        entries = self._entries({t.name: rendered[t].entry for t in stale})
        registry.check_unique(entries, self.project.output)
        if reason := self._why_registry_stale(entries):
            self._refuse_foreign([self._registry_path])
            changes.append(Change(self._registry_path, reason, self._render_registry(entries)))
        return changes + orphans

    def render(self, targets: Iterable[Target]) -> dict[Target, Rendered]:
        """The finished text of some modules.

        Raises:
            Failure: for mistakes in specs and templates.
        """
        targets = list(targets)
        if not targets:
            return {}
        from adaptergen.render import Renderer, class_name, format_all
        from adaptergen.spec.load import Loader

        loader = Loader(self.project.spec_folders())
        loaded = loader.load_all(target.spec for target in targets)
        renderer = Renderer(self.project.template_folders())
        bodies = format_all({f"{s.name}.py": renderer.adapter(s.spec) for s in loaded})
        result: dict[Target, Rendered] = {}
        for target, spec in zip(targets, loaded, strict=True):
            entry = Entry(target.name, class_name(spec.spec), tuple(spec.spec.architectures))
            chain = [target.spec, *spec.parents]
            body = bodies[f"{target.name}.py"]
            text = self._stamp(target, entry.adapter, chain).header(body) + body
            result[target] = Rendered(entry, text)
        return result

    def _target(self, spec: str) -> Target:
        name = spec_name(spec)
        return Target(name, spec, os.path.join(self.project.output, f"{name}.py"))

    @property
    def _registry_path(self) -> str:
        return os.path.join(self.project.output, registry.FILE)

    def _stamp(self, target: Target, adapter: str, chain: Sequence[str]) -> Stamp:
        inputs = [("spec", spec_name(path), self._digest(path)) for path in chain]
        return Stamp(self._shown(target.spec), adapter, (*inputs, *self._common))

    def _shown(self, path: str) -> str:
        """A spec's path as the header names it: the same on every machine."""
        relative = os.path.relpath(path, self.project.root)
        return (
            os.path.basename(path) if relative.startswith("..") else relative.replace(os.sep, "/")
        )

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            self._digests[path] = stamp.digest_file(path)
        return self._digests[path]

    def _why_stale(self, target: Target) -> str:
        found = _state(target.module)
        if isinstance(found, str):
            return found
        names = [name for kind, name, _ in found.inputs if kind == "spec"]
        chain = self._chain(target.spec, names)
        missing = names[len(chain) :]
        if missing:
            return f"spec {missing[0]} is gone"
        return _difference(found, self._stamp(target, found.adapter, chain))

    def _chain(self, spec: str, names: Sequence[str]) -> list[str]:
        """The files of a spec and of the parents that its module was made from."""
        chain = [spec]
        for name in names[1:]:
            parent = find_parent(name, chain[-1], self.project.spec_folders())
            if parent is None:
                break
            chain.append(parent)
        return chain

    def _orphans(self) -> list[Change]:
        if not self.whole:
            return []
        wanted = {target.module for target in self.targets} | {self._registry_path}
        return [
            Change(path, "its spec is gone")
            for path in _modules(self.project.output)
            if path not in wanted and stamp.read_stamp(path)
        ]

    def _entries(self, new: dict[str, Entry]) -> list[Entry]:
        """What the registry lists: the modules just rendered, and those already there."""
        entries = dict(new)
        known = {target.name for target in self.targets}
        for path in _modules(self.project.output):
            name = spec_name(path)
            stamped = stamp.read_stamp(path)
            listed = name not in entries and (name in known or not self.whole)
            if listed and stamped and stamped.stamp.adapter:
                entries[name] = Entry.from_adapter(name, stamped.stamp.adapter)
        return [entries[name] for name in sorted(entries)]

    def _registry_stamp(self, entries: list[Entry]) -> Stamp:
        listed = ("adapters", "", registry.digest_entries(entries))
        return Stamp(registry.SOURCE, "", (listed, *self._common))

    def _why_registry_stale(self, entries: list[Entry]) -> str:
        if not entries:
            return ""
        found = _state(self._registry_path)
        return (
            found if isinstance(found, str) else _difference(found, self._registry_stamp(entries))
        )

    def _render_registry(self, entries: list[Entry]) -> str:
        from adaptergen.render import Renderer, format_all

        renderer = Renderer(self.project.template_folders())
        body = format_all({registry.FILE: renderer.registry(entries)})[registry.FILE]
        return self._registry_stamp(entries).header(body) + body

    def _refuse_foreign(self, paths: Iterable[str]) -> None:
        mistakes = [] if self.force else [d for path in paths if (d := _foreign(path))]
        if mistakes:
            raise Failure(mistakes)


def select_specs(project: Project, arguments: Sequence[str]) -> list[str]:
    """The spec files that arguments name; without arguments, all of the project's.

    An argument is a spec file, a folder of specs, or the name of one of the project's specs.

    Raises:
        Failure: for arguments that lead to no spec, and for specs that would share a module.
    """
    paths: list[str] = []
    mistakes: list[Diagnostic] = []
    for argument in arguments or [project.specs]:
        found = _specs_of(project, argument)
        paths += [path for path in found if path not in paths]
        if not found:
            mistakes.append(_no_spec(project, argument))
    by_name: dict[str, str] = {}
    for path in paths:
        name = spec_name(path)
        other = by_name.setdefault(name, path)
        if other != path:
            mistakes.append(Diagnostic(path, 0, 0, f"has the same name as {shown_path(other)}"))
        if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
            hint = "a spec's file name becomes a Python module's"
            mistakes.append(Diagnostic(path, 0, 0, f"'{name}' is not a module name", hint))
    if mistakes:
        raise Failure(mistakes)
    return paths


def _specs_of(project: Project, argument: str) -> list[str]:
    if os.path.isdir(argument):
        return spec_files(argument)
    if os.path.isfile(argument):
        return [argument]
    named = find_spec(argument, [project.specs])
    return [named] if named else []


def _no_spec(project: Project, argument: str) -> Diagnostic:
    if os.path.isdir(argument):
        return Diagnostic(argument, 0, 0, f"no spec in this folder: no file ends in {ENDING}")
    known = [spec_name(path) for path in spec_files(project.specs)]
    hint = did_you_mean(argument, known) or "give a spec file, a folder of specs, or a spec's name"
    return Diagnostic(argument, 0, 0, "no such spec", hint)


def _state(path: str) -> Stamp | str:
    """The stamp of an untouched generated file, or why there is none."""
    if not os.path.exists(path) or (os.path.isfile(path) and not os.path.getsize(path)):
        return "missing"
    stamped = stamp.read_stamp(path)
    if stamped is None:
        return "not written by adaptergen"
    return stamped.stamp if stamped.intact else "edited by hand"


def _foreign(path: str) -> Diagnostic | None:
    """Why a file may not be replaced."""
    state = _state(path)
    if isinstance(state, str) and state != "missing":
        return Diagnostic(path, 0, 0, f"{state}, so it is left alone", "--force replaces it")
    return None


def _difference(found: Stamp, expected: Stamp) -> str:
    """What changed since a file was generated."""
    now = {(kind, name): digest for kind, name, digest in expected.inputs}
    then = {(kind, name): digest for kind, name, digest in found.inputs}
    changed = [
        f"{kind} {name}".strip() for kind, name in now if now[kind, name] != then.get((kind, name))
    ]
    if changed:
        return f"{', '.join(changed)} changed"
    return "" if found == expected else f"made from {found.source}"


def _modules(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return []
    names = sorted(name for name in os.listdir(folder) if name.endswith(".py"))
    return [os.path.join(folder, name) for name in names if name != registry.FILE]
