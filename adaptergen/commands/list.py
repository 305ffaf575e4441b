"""`adaptergen list`: the architectures that have a spec."""

import os
from argparse import Namespace

from adaptergen.errors import shown_path
from adaptergen.project import Project, find_project
from adaptergen.spec.files import spec_files, spec_name
from adaptergen.spec.load import LoadedSpec, Loader

_HEADER = ("spec", "architecture", "extends", "file", "summary")


def run(arguments: Namespace) -> int:
    """Print a line for each spec of the project, and for each bundled one that it does not hide."""
    project = find_project()
    paths: dict[str, str] = {}
    for folder in project.spec_folders():
        for path in spec_files(folder):
            paths.setdefault(spec_name(path), path)
    loaded = Loader(project.spec_folders()).load_all(paths[name] for name in sorted(paths))
    rows = [_HEADER, *(_row(spec, project) for spec in loaded)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADER))]
    for row in rows:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    return 0


def _row(loaded: LoadedSpec, project: Project) -> tuple[str, ...]:
    parent = spec_name(loaded.parents[0]) if loaded.parents else "-"
    spec = loaded.spec
    own = os.path.dirname(loaded.path) == project.specs
    file = shown_path(loaded.path) if own else "(bundled)"
    return (loaded.name, spec.architecture, parent, file, spec.summary)
