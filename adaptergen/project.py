"""Where a project keeps its files: `[tool.adaptergen]` in pyproject.toml."""

import os
from typing import NamedTuple

from adaptergen.errors import failure

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
            Failure: if the project names a folder that does not exist.
        """
        if self.templates and not os.path.isdir(self.templates):
            raise failure(self.templates, "no such folder of templates")
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
    with open(path, "rb") as file:
        data = file.read()
    if b"adaptergen" not in data:
        return None
    import tomllib

    try:
        table = tomllib.loads(data.decode()).get("tool", {}).get("adaptergen")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise failure(path, f"not valid TOML: {error}") from None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise failure(path, "[tool.adaptergen] is not a table")
    for key, value in table.items():
        if key not in _KEYS:
            raise failure(
                path, f"unknown key 'tool.adaptergen.{key}'", f"allowed: {', '.join(_KEYS)}"
            )
        if not isinstance(value, str):
            raise failure(path, f"'tool.adaptergen.{key}': expected a folder")
    root = os.path.dirname(path)
    folder = {key: os.path.normpath(os.path.join(root, value)) for key, value in table.items()}
    return Project(
        root,
        folder.get("specs", os.path.join(root, "specs")),
        folder.get("output", os.path.join(root, "generated")),
        folder.get("templates"),
    )
