"""Where a project keeps its files: `[tool.adaptergen]` in pyproject.toml."""

import os
import re
from typing import Any, NamedTuple

from adaptergen.errors import Diagnostic, Failure, Unusable, did_you_mean, shown_path
from adaptergen.language.files import read_bytes

_KEYS = ("specs", "templates", "output")
_PACKAGE = os.path.dirname(os.path.abspath(__file__))


class Project(NamedTuple):
    """Folders of a project; `root` is the folder that paths in headers are relative to."""

    root: str
    specs: str
    output: str
    templates: str | None = None

    def template_folders(self) -> list[str]:
        """The project's own templates first, the bundled ones second.

        Raises:
            Unusable: if the project names a folder that does not exist.
        """
        if self.templates and not os.path.isdir(self.templates):
            raise Unusable(f"no folder of templates: {shown_path(self.templates)}")
        return [*filter(None, [self.templates]), bundled("templates")]

    def spec_folders(self) -> list[str]:
        """The project's own specs first, the bundled ones second."""
        return [self.specs, bundled("specs")]


def bundled(kind: str) -> str:
    """The folder of bundled `specs`, `templates` or `generated`: in the wheel, or in a checkout."""
    inside = os.path.join(_PACKAGE, kind)
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(_PACKAGE), kind)


def find_project(start: str | None = None) -> Project:
    """The project of a folder: the nearest pyproject.toml with a `[tool.adaptergen]` table.

    Without one, the folder itself with `specs` and `generated`.

    Raises:
        Failure: if the table is not valid.
    """
    start = os.path.abspath(start or os.curdir)
    plain = Project(start, os.path.join(start, "specs"), os.path.join(start, "generated"))
    return nearest_project(start) or plain


def nearest_project(folder: str) -> Project | None:
    """The project of the nearest `[tool.adaptergen]` table; None where there is no table.

    Raises:
        Failure: if the table is not valid.
    """
    folder = os.path.abspath(folder)
    while True:
        path = os.path.join(folder, "pyproject.toml")
        if os.path.lexists(path) and (project := _read(path)):
            return project
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _read(path: str) -> Project | None:
    data = read_bytes(path)
    if b"adaptergen" not in data:
        return None
    import tomllib

    try:
        text = data.decode()
        tools = tomllib.loads(text).get("tool")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure([_broken(path, str(error))]) from None
    table = tools.get("adaptergen") if isinstance(tools, dict) else None
    if table is None:
        return None
    if mistakes := _mistakes(path, text, table):
        raise Failure(mistakes)
    root = os.path.dirname(path)
    folder = {key: os.path.normpath(os.path.join(root, value)) for key, value in table.items()}
    return Project(
        root,
        folder.get("specs", os.path.join(root, "specs")),
        folder.get("output", os.path.join(root, "generated")),
        folder.get("templates"),
    )


def _broken(path: str, problem: str) -> Diagnostic:
    """The message of tomllib, with the place that it names in words."""
    place = re.search(r" \(at line (\d+), column (\d+)\)", problem)
    line, column = (int(place[1]), int(place[2])) if place else (0, 0)
    problem = problem.removesuffix(place[0]) if place else problem
    return Diagnostic(path, line, column, f"not valid TOML: {problem}")


def _mistakes(path: str, text: str, table: Any) -> list[Diagnostic]:
    if not isinstance(table, dict):
        return [Diagnostic(path, 0, 0, "'tool.adaptergen': expected a table")]
    mistakes = []
    for key, value in table.items():
        if key not in _KEYS:
            message = f"unknown key 'tool.adaptergen.{key}'"
            hint = did_you_mean(key, _KEYS) or f"allowed: {', '.join(_KEYS)}"
            mistakes.append(_at(path, text, key, message, hint))
        elif not isinstance(value, str) or "\0" in value:
            message = f"'tool.adaptergen.{key}': expected a folder, as text"
            mistakes.append(_at(path, text, key, message))
    return mistakes


def _at(path: str, text: str, key: str, message: str, hint: str = "") -> Diagnostic:
    """A diagnostic at the line of a key, which tomllib does not keep."""
    lines = text.splitlines()
    inside = False
    for number, line in enumerate(lines, 1):
        inside = line.strip() == "[tool.adaptergen]" if line.startswith("[") else inside
        if inside and re.match(rf"{re.escape(key)}\s*=", line):
            return Diagnostic(path, number, 1, message, hint, line)
    return Diagnostic(path, 0, 0, message, hint)
