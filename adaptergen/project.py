"""Where a project keeps its files: `[tool.adaptergen]` in pyproject.toml."""

import os
from typing import Any, NamedTuple

from adaptergen.errors import Diagnostic, Failure, Unusable, did_you_mean, failure, shown_path
from adaptergen.spec.files import read_bytes

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
    folder = start
    while True:
        path = os.path.join(folder, "pyproject.toml")
        if os.path.isfile(path) and (project := _read(path)):
            return project
        parent = os.path.dirname(folder)
        if parent == folder:
            return Project(start, os.path.join(start, "specs"), os.path.join(start, "generated"))
        folder = parent


def _read(path: str) -> Project | None:
    data = read_bytes(path)
    if b"adaptergen" not in data:
        return None
    import tomllib

    try:
        tools = tomllib.loads(data.decode()).get("tool")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise failure(path, f"not valid TOML: {error}") from None
    table = tools.get("adaptergen") if isinstance(tools, dict) else None
    if table is None:
        return None
    if mistakes := _mistakes(path, table):
        raise Failure(mistakes)
    root = os.path.dirname(path)
    folder = {key: os.path.normpath(os.path.join(root, value)) for key, value in table.items()}
    return Project(
        root,
        folder.get("specs", os.path.join(root, "specs")),
        folder.get("output", os.path.join(root, "generated")),
        folder.get("templates"),
    )


def _mistakes(path: str, table: Any) -> list[Diagnostic]:
    if not isinstance(table, dict):
        return [Diagnostic(path, 0, 0, "'tool.adaptergen': expected a table")]
    mistakes = []
    for key, value in table.items():
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS) or f"allowed: {', '.join(_KEYS)}"
            mistakes.append(Diagnostic(path, 0, 0, f"unknown key 'tool.adaptergen.{key}'", hint))
        elif not isinstance(value, str):
            message = f"'tool.adaptergen.{key}': expected a folder, as text"
            mistakes.append(Diagnostic(path, 0, 0, message))
    return mistakes
