"""`adaptergen list`: the architectures that have a spec, and what was measured of each."""

import json
import os
from argparse import Namespace
from collections.abc import Sequence
from typing import Any, NamedTuple

from adaptergen.commands.architectures import Measurement, body_digest, read_measurements
from adaptergen.errors import Failure, shown_path
from adaptergen.language.files import spec_files, spec_name
from adaptergen.project import Project, bundled, find_project
from adaptergen.report import print_failures
from adaptergen.spec.load import LoadedSpec, Loader

_HEADER = (
    "spec",
    "architecture",
    "extends",
    "in TL",
    "hooks",
    "worst difference",
    "known failures",
    "file",
    "summary",
)
_LIBRARIES = ("torch", "transformers", "transformer_lens")


class Row(NamedTuple):
    """A spec, whether the project holds it, and what was measured of its module.

    Nothing was if the module has changed since, which `stale` then says.
    """

    loaded: LoadedSpec
    own: bool
    measured: Measurement | None
    stale: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        spec, measured = self.loaded.spec, self.measured
        shipped, hooks = ("yes" if measured.shipped else "no", measured.hooks) if measured else "--"
        file = shown_path(self.loaded.path) if self.own else "(bundled)"
        known = (self.loaded.name, spec.architecture, self.parent or "-", shipped, str(hooks))
        return (*known, self.verdict, self.known, file, spec.summary)

    @property
    def parent(self) -> str | None:
        """The spec that it extends."""
        return spec_name(self.loaded.parents[0]) if self.loaded.parents else None

    @property
    def verdict(self) -> str:
        """How verification ended: the worst difference from HF, if well."""
        if self.measured is None:
            return "stale" if self.stale else "-"
        return f"{self.measured.worst:.1e}" if self.measured.passed else "FAILED"

    @property
    def known(self) -> str:
        """The checks that fail as the spec says."""
        return ", ".join(self.measured.known) or "-" if self.measured else "-"

    @property
    def tree(self) -> dict[str, Any]:
        """The row for programs."""
        return {
            "spec": self.loaded.name,
            "architecture": self.loaded.spec.architecture,
            "extends": self.parent,
            "file": shown_path(self.loaded.path),
            "bundled": not self.own,
            "summary": self.loaded.spec.summary,
            "stale": self.stale,
            "measured": self.measured._asdict() if self.measured else None,
        }


def run(arguments: Namespace) -> int:
    """Print a line for each spec of the project, and for each bundled one that it does not hide.

    1 if there are specs with mistakes, which are shown after the others.
    """
    project = find_project()
    paths: dict[str, str] = {}
    for folder in project.spec_folders():
        for path in spec_files(folder):
            paths.setdefault(spec_name(path), path)
    loader, loaded = Loader(project.spec_folders()), []
    try:
        for spec in loader.load_all(paths[name] for name in sorted(paths)):
            loaded.append(spec)
    except Failure as error:
        _show(_rows(loaded, project), arguments)
        # The list stays a list for those who read it from stdout.
        print_failures(error.diagnostics, "text")
        return 1
    _show(_rows(loaded, project), arguments)
    return 0


def _show(rows: Sequence[Row], arguments: Namespace) -> None:
    if arguments.format == "json":
        print(json.dumps([row.tree for row in rows], indent=2))
        return
    cells = [_HEADER, *(row.cells for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(_HEADER))]
    for row in cells:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    for line in _footer(rows):
        print(line)


def _rows(specs: Sequence[LoadedSpec], project: Project) -> list[Row]:
    folders = {True: project.output, False: bundled("generated")}
    measured = {own: read_measurements(folder) for own, folder in folders.items()}
    rows = []
    for loaded in specs:
        own = os.path.dirname(loaded.path) == project.specs
        found = measured[own].get(loaded.name)
        body = body_digest(os.path.join(folders[own], f"{loaded.name}.py"))
        fresh = found is not None and found.module == body
        rows.append(Row(loaded, own, found if fresh else None, found is not None and not fresh))
    return rows


def _footer(rows: Sequence[Row]) -> list[str]:
    """With which versions was verified; only what differs from most is named."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.measured and row.measured.passed:
            versions = (f"{name} {row.measured.versions[name]}" for name in _LIBRARIES)
            found.setdefault(", ".join(versions), []).append(row.loaded.name)
    groups = sorted(found.items(), key=lambda item: -len(item[1]))
    return [
        f"{len(names)} verified with {versions}" + (f": {', '.join(names)}" if number else "")
        for number, (versions, names) in enumerate(groups)
    ]
