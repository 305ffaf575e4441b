"""The folder of generated modules: what lies there, and what of it may be replaced."""

import os
from collections.abc import Iterable
from functools import cached_property

from adaptergen import registry, stamp
from adaptergen.errors import Diagnostic, Failure, Unusable, shown_path
from adaptergen.stamp import Stamp, Stamped


class Output:
    """The folder that a project's modules are written to; no file of it is read twice."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._stamps: dict[str, Stamped | None] = {}

    @cached_property
    def modules(self) -> list[str]:
        """The modules in the folder, whoever wrote them, but for the registry."""
        if not os.path.isdir(self.folder):
            return []
        names = sorted(name for name in os.listdir(self.folder) if name.endswith(".py"))
        paths = [os.path.join(self.folder, name) for name in names if name != registry.FILE]
        return [path for path in paths if os.path.isfile(path)]

    def state(self, path: str) -> Stamp | str:
        """The stamp of an untouched generated file, or why there is none."""
        if os.path.isdir(path):
            return "a folder"
        if not os.path.exists(path) or not os.path.getsize(path):
            return "missing"
        stamped = self.stamped(path)
        if stamped is None:
            return "not written by adaptergen"
        return stamped.stamp if stamped.intact else "edited by hand"

    def stamped(self, path: str) -> Stamped | None:
        """What a file's header says, and whether the file is as written; None without header."""
        if path not in self._stamps:
            self._stamps[path] = stamp.read_stamp(path)
        return self._stamps[path]

    def refuse_file(self) -> None:
        """Refuse a file where the folder should be.

        Raises:
            Unusable: if there is one.
        """
        if os.path.exists(self.folder) and not os.path.isdir(self.folder):
            raise Unusable(
                f"{shown_path(self.folder)} is a file", "the output is a folder of modules"
            )

    def refuse_foreign(self, paths: Iterable[str]) -> None:
        """Refuse to replace what was edited by hand, or is not ours.

        Raises:
            Failure: with a line for each such file.
        """
        mistakes = [d for path in paths if (d := self._foreign(path))]
        if mistakes:
            raise Failure(mistakes)

    def _foreign(self, path: str) -> Diagnostic | None:
        state = self.state(path)
        if isinstance(state, str) and state != "missing":
            hint = "" if os.path.isdir(path) else "--force replaces or removes it"
            return Diagnostic(path, 0, 0, f"{state}, so it is left alone", hint)
        return None
