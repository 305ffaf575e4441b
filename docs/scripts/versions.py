"""Features that adapters lack with other versions of the libraries: docs/versions.md.

Every spec is verified in an environment with each of them, and its hooks are held against those
that there are with the versions that `make` installs. docs/versions.yaml says why what fails does.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from adaptergen.spec.load import LoadedSpec
from adaptergen.verify.checks import ALL
from adaptergen.verify.document import read_records
from adaptergen.verify.record import Record
from docs.scripts import DOCS, ROOT
from docs.scripts.bundled import module_of, specs

PAGE = DOCS / "versions.md"
HEAD = DOCS / "versions.head.md"
CAUSES = DOCS / "versions.yaml"
RECORDS = ROOT / ".versions"

# The verdict on a spec that names a later version as the first that has HF's class.
_ABSENT = "no such class"

Hooks = Mapping[str, Sequence[str]]


class Environment(NamedTuple):
    """Findings with other versions: a record of each spec, and the names of its hooks."""

    records: Sequence[Record]
    hooks: Hooks


def hooks_here() -> dict[str, list[str]]:
    """The hooks of each spec's adapter that fire in a layer, with what is installed here."""
    return {loaded.name: sorted(_hooks(loaded)) for loaded in specs()}


def _hooks(loaded: LoadedSpec) -> set[str]:
    """Names without layers; none where there is no bridge."""
    from adaptergen.verify.once import UnavailableError
    from adaptergen.verify.precision import comparable
    from adaptergen.verify.subject import Subject

    try:
        with comparable():
            fired = Subject(loaded.spec, str(module_of(loaded))).trace.fired
    except UnavailableError:
        return set()
    return {name.split(".", 2)[2] for name in fired if name.startswith("blocks.")}


def measure(name: str, requirements: Sequence[str]) -> Environment:
    """Verify every spec in an environment of its own; what was done before is kept."""
    from tests.environments import overlay, python

    folder, records = overlay(name, *requirements), RECORDS / f"{name}.json"
    options = ("--quiet", "--resume", "--json", str(records))
    python(folder, "-m", "adaptergen", "verify", "--all", *options)
    hooks = RECORDS / f"{name}.hooks.json"
    python(folder, "-m", "docs.scripts.versions", "--hooks", str(hooks))
    return Environment(read_records(str(records)), json.loads(hooks.read_text(encoding="utf-8")))


def page(found: Mapping[str, Environment], usual: Hooks, causes: Sequence[Any]) -> str:
    """The text of versions.md; `usual` are the hooks that there are otherwise."""
    lines = [HEAD.read_text(encoding="utf-8").rstrip(), "", *_table(found, causes)]
    for title, environment in found.items():
        lines += ["", f"## With {title}", "", *_reasons(environment, causes)]
        lines += [*_lacking(environment, usual), *_left_out(environment)]
    return "\n".join(lines) + "\n"


def _table(found: Mapping[str, Environment], causes: Sequence[Any]) -> Iterator[str]:
    yield f"| architecture | {' | '.join(found)} |"
    yield f"|{'---|' * (len(found) + 1)}"
    columns = [
        {record.architecture: _verdict(record, causes) for record in environment.records}
        for environment in found.values()
    ]
    for architecture in sorted({name for column in columns for name in column}):
        cells = [column.get(architecture, _ABSENT) for column in columns]
        yield f"| {architecture} | {' | '.join(cells)} |"


def _verdict(record: Record, causes: Sequence[Any]) -> str:
    if record.passed:
        known = ", ".join(result.check for result in record.known)
        return f"verified, but for {known}" if known else "verified"
    words = dict.fromkeys(cause["verdict"] for cause in _explained(record, causes))
    return ", ".join(words)


def _explained(record: Record, causes: Sequence[Any]) -> list[Any]:
    """Why a record's checks fail.

    Raises:
        SystemExit: if nobody has found out yet.
    """
    said = {"": [record.stopped]} if record.stopped else {}
    said |= {r.check: [problem.message for problem in r.problems] for r in record.failures}
    found = []
    for check, messages in said.items():
        cause = next((c for c in causes if _explains(c, messages)), None)
        if cause is None:
            raise SystemExit(f"{record.spec}: no cause of {check}: {messages[0]}")
        found += [cause] if cause not in found else []
    return found


def _explains(cause: Any, messages: Sequence[str]) -> bool:
    return all(fnmatchcase(message, cause["says"]) for message in messages)


def _reasons(environment: Environment, causes: Sequence[Any]) -> Iterator[str]:
    """Each cause, with what it befalls."""
    befallen: dict[str, list[str]] = defaultdict(list)
    for record in environment.records:
        for cause in _explained(record, causes):
            befallen[cause["why"].strip()].append(record.architecture)
    for why, architectures in befallen.items():
        yield f"- {_all(architectures, len(environment.records))}: {why}"
    if not befallen:
        yield "Every architecture is verified."


def _lacking(environment: Environment, usual: Hooks) -> Iterator[str]:
    """Hooks that do not fire though the adapter works, with the architectures that lack them."""
    lacking: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for record in environment.records:
        there = environment.hooks.get(record.spec)
        missing = tuple(sorted({*usual[record.spec]} - {*(there or ())}))
        if there and missing:
            lacking[missing].append(record.architecture)
    for hooks, architectures in lacking.items():
        named = ", ".join(f"`{hook}`" for hook in hooks)
        yield f"- {', '.join(architectures)}: {named} do not fire."


def _left_out(environment: Environment) -> Iterator[str]:
    """Checks that were not run, of those that there are."""
    run = {result.check for record in environment.records for result in record.results}
    left = [f"`{check.name}`" for check in ALL if check.name not in run]
    if left:
        yield f"- Not run: {', '.join(left)}."


def _all(architectures: Sequence[str], count: int) -> str:
    return (
        f"{len(architectures)} of {count}" if len(architectures) > 20 else ", ".join(architectures)
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hooks", type=Path, metavar="FILE", help="write the names of hooks alone")
    arguments = parser.parse_args()
    if arguments.hooks:
        arguments.hooks.write_text(json.dumps(hooks_here()), encoding="utf-8")
        return
    from tests.environments import VERSIONS

    RECORDS.mkdir(exist_ok=True)
    found = {title: measure(*environment) for title, environment in VERSIONS.items()}
    causes = yaml.safe_load(CAUSES.read_text(encoding="utf-8"))
    PAGE.write_text(page(found, hooks_here(), causes), encoding="utf-8")


if __name__ == "__main__":
    main()
