"""The report of `infer` on a model: made by a process of its own, and printed by another."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adaptergen.errors import Failure
from adaptergen.language.files import spec_files, spec_name
from adaptergen.project import Project
from adaptergen.spec.load import Loader

if TYPE_CHECKING:
    from adaptergen.spec.load import LoadedSpec


@dataclass(frozen=True)
class Report:
    """An inference in words: a remark, a table, the nearest parents, a verdict; the spec's file.

    Remark, parents and file are empty where there is none.
    """

    explained: bool
    note: str
    table: str
    parents: str
    verdict: str
    text: str
    json: str


def reported(
    argument: str,
    trusted: bool,
    fixed: Mapping[str, Any],
    project: Project,
    progress: Callable[[str], None] = lambda line: None,
) -> Report:
    """Infer the spec of a model; see `adaptergen.infer.source` and `adaptergen.infer.run`.

    Raises:
        Failure: if a file is there and describes no model.
        Unusable: if there is no such model, or HF runs no small one.
    """
    # Imported late: whoever only prints what was found needs no torch.
    from adaptergen.infer.outcome import as_tree, explained_parents, outcome, table, verdict
    from adaptergen.infer.run import infer
    from adaptergen.infer.source import source

    meant = source(argument, trust_remote_code=trusted)
    inference = infer(meant.architecture, meant.given, fixed, project.template_folders(), progress)
    found = outcome(inference, candidates(project.spec_folders(), meant.architecture))
    notes = [meant.note] if meant.note else []
    tree = {**as_tree(inference, found), "notes": notes, "gigabytes": _peak()}
    return Report(
        explained=inference.explained,
        note=meant.note,
        table=table(inference),
        parents=explained_parents(found) if found else "",
        verdict=verdict(inference),
        text=found.text if found else "",
        json=json.dumps(tree, indent=2) + "\n",
    )


def candidates(folders: Sequence[str], architecture: str) -> "list[LoadedSpec]":
    """The specs that the new one may extend: not those of the same class, nor their children."""
    paths: dict[str, str] = {}
    for folder in folders:
        for path in spec_files(folder):
            paths.setdefault(spec_name(path), path)
    found = []
    loader = Loader(folders)
    for path in paths.values():
        try:
            found.append(loader.load(path))
        except Failure:
            # A mistake in another spec is for `build` to report.
            continue
    own = {spec.path for spec in found if architecture in spec.spec.architectures}
    return [spec for spec in found if not own & {spec.path, *spec.parents}]


def _peak() -> float | None:
    """The most memory that this process has taken, in GB; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    # Linux counts in KiB.
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
