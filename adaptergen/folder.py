"""The folder that modules are written to: what lies there, and what of it may be replaced."""

import os
from collections.abc import Iterable
from functools import cached_property

from adaptergen import registry, schema_file, stamp
from adaptergen.errors import Diagnostic, Failure, Unusable, shown_path
from adaptergen.language.files import read_bytes, spec_name
from adaptergen.project import Project
from adaptergen.stamp import Stamp, Stamped

CONFLICTS = "has merge conflicts"
MISSING = "missing"
EDITED = "edited by hand"
FOREIGN = "not written by adaptergen"
# A build leaves such files alone, unless it is told to replace them.
LEFT_ALONE = (CONFLICTS, EDITED, FOREIGN)


class Folder:
    """The folder that a project's modules are written to; no file of it is read twice."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.folder = project.output
        self._stamps: dict[str, Stamped | None] = {}

    @cached_property
    def modules(self) -> list[str]:
        """The modules in the folder, whoever wrote them, but for the registry."""
        if not os.path.isdir(self.folder):
            return []
        names = sorted(name for name in os.listdir(self.folder) if name.endswith(".py"))
        paths = [os.path.join(self.folder, name) for name in names if name != registry.FILE]
        return [path for path in paths if os.path.isfile(path)]

    @cached_property
    def listed(self) -> frozenset[str]:
        """The names of the modules that builds of this project wrote: its registry has them all.

        Of a registry that was edited by hand, none.
        """
        path = os.path.join(self.folder, registry.FILE)
        stamped = self.stamped(path) if os.path.isfile(path) else None
        return registry.listed(read_bytes(path)) if stamped and stamped.intact else frozenset()

    def state(self, path: str) -> Stamp | str:
        """The stamp of an untouched generated file, or why there is none."""
        if os.path.isdir(path):
            return "a folder"
        if not os.path.exists(path):
            return MISSING
        if not os.path.isfile(path):
            return FOREIGN
        if not os.path.getsize(path):
            return MISSING
        stamped = self.stamped(path)
        if stamped and stamped.intact:
            return stamped.stamp
        if stamp.has_conflicts(path):
            return CONFLICTS
        return EDITED if stamped else FOREIGN

    def stamped(self, path: str) -> Stamped | None:
        """The stamp in a file's header, and whether the file is as written; None without header."""
        if path not in self._stamps:
            is_schema = os.path.basename(path) == schema_file.FILE
            read = schema_file.read_stamp if is_schema else stamp.read_stamp
            self._stamps[path] = read(path)
        return self._stamps[path]

    def orphans(self, wanted: Iterable[str]) -> list[str]:
        """Generated modules that are none of those wanted, and whose spec is nowhere any more."""
        known = frozenset(wanted)
        return [path for path in self.modules if path not in known and self._is_orphan(path)]

    def _is_orphan(self, path: str) -> bool:
        stamped = self.stamped(path)
        if stamped is None:
            return False
        spec = os.path.join(self.project.root, stamped.stamp.source)
        return not (spec_name(spec) == spec_name(path) and os.path.isfile(spec))

    def is_listed(self, path: str) -> bool:
        """Whether a build of this project is known to have written a module."""
        return spec_name(path) in self.listed

    def refuse_place(self) -> None:
        """Refuse what is no folder, and what a link of the project makes of one outside of it.

        A repository from a stranger must not make a build write elsewhere. Where a person names
        the folder, links are followed.

        Raises:
            Unusable: if there is such a thing.
        """
        name, hint = shown_path(self.folder), "the output is a folder of modules"
        if os.path.lexists(self.folder) and not os.path.isdir(self.folder):
            kind = "a file" if os.path.exists(self.folder) else "a link that leads nowhere"
            raise Unusable(f"{name} is {kind}", hint)
        root, real = os.path.realpath(self.project.root), os.path.realpath(self.folder)
        if _is_inside(self.folder, self.project.root) and not _is_inside(real, root):
            raise Unusable(
                f"{name} leads to {real}, which is outside of the project",
                "give that folder with --out, or in pyproject.toml, if it is meant",
            )

    def refuse_foreign(self, paths: Iterable[str]) -> None:
        """Refuse to replace what was edited by hand, or is not ours.

        Raises:
            Failure: with a line for each such file.
        """
        mistakes = [d for path in paths if (d := self._foreign(path))]
        if mistakes:
            raise Failure(mistakes)

    def holds(self, path: str, text: str) -> bool:
        """Whether a file holds a text; line endings do not count."""
        return os.path.isfile(path) and stamp.normal(read_bytes(path)) == text.encode()

    def refuse(self, paths: Iterable[str], why: str) -> None:
        """Refuse to replace files.

        Raises:
            Failure: with a line for each.
        """
        mistakes = [_left_alone(path, why, "--force replaces it") for path in paths]
        if mistakes:
            raise Failure(mistakes)

    def _foreign(self, path: str) -> Diagnostic | None:
        state = self.state(path)
        if os.path.islink(path):
            hint = "--force replaces or removes the link, and not what it leads to"
            return _left_alone(path, "a link", hint)
        if state == CONFLICTS:
            hint = "`adaptergen build --force` solves them: it writes the file anew"
            return _left_alone(path, CONFLICTS, hint)
        if isinstance(state, str) and state != MISSING:
            hint = "--force replaces or removes it" if os.path.isfile(path) else ""
            return _left_alone(path, state, hint)
        return None


def _left_alone(path: str, why: str, hint: str) -> Diagnostic:
    return Diagnostic(path, 0, 0, f"{why}, so it is left alone", hint)


def _is_inside(path: str, folder: str) -> bool:
    return os.path.commonpath([os.path.abspath(path), os.path.abspath(folder)]) == folder
