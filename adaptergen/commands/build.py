"""`adaptergen build`."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from adaptergen.build import Build, Change, select_specs
from adaptergen.errors import Diagnostic, shown_path
from adaptergen.project import Project, find_project
from adaptergen.report import as_github
from adaptergen.spec.files import spec_files


def run(arguments: Namespace) -> int:
    """Build, check or show the specs that the arguments name; 1 if a check finds stale files."""
    project = _project(arguments)
    specs = select_specs(project, arguments.specs)
    own = spec_files(project.specs)
    whole = bool(own) and {*map(os.path.abspath, own)} <= {*map(os.path.abspath, specs)}
    build = Build(project, specs, whole=whole, force=arguments.force)
    if arguments.stdout:
        for rendered in build.render(build.targets).values():
            sys.stdout.write(rendered.text)
        return 0
    if arguments.check:
        return _check(build, arguments)
    if not build.stale():
        _say(arguments, f"up to date: {_count(len(specs), 'adapter')}", [])
        return 0
    changes = build.changes()
    if arguments.diff:
        for change in changes:
            sys.stdout.write(_diff(change))
        return 1
    return _write(changes, arguments)


def _project(arguments: Namespace) -> Project:
    project = find_project()
    if arguments.out:
        project = project._replace(output=os.path.abspath(arguments.out))
    if arguments.templates:
        project = project._replace(templates=os.path.abspath(arguments.templates))
    return project


def _check(build: Build, arguments: Namespace) -> int:
    stale = build.stale()
    if not stale:
        _say(arguments, f"up to date: {_count(len(build.targets), 'adapter')}", [])
        return 0
    if arguments.format == "github":
        for change in stale:
            message = f"stale: {change.reason}"
            print(as_github(Diagnostic(change.path, 0, 0, message, "run `adaptergen build`")))
    else:
        lines = [f"stale: {shown_path(c.path)} ({c.reason})" for c in stale]
        _say(arguments, "\n".join([*lines, "run `adaptergen build`"]), stale)
    return 1


def _write(changes: Sequence[Change], arguments: Namespace) -> int:
    from adaptergen.writing import write_all

    write_all({change.path: change.text for change in changes})
    lines = [
        f"{'removed' if c.text is None else 'wrote'} {shown_path(c.path)} ({c.reason})"
        for c in changes
    ]
    if arguments.fail_on_change:
        lines.append(f"now run: git add {' '.join(shown_path(c.path) for c in changes)}")
    _say(arguments, "\n".join(lines), changes)
    return 1 if arguments.fail_on_change else 0


def _diff(change: Change) -> str:
    from difflib import unified_diff

    before: list[str] = []
    if os.path.exists(change.path):
        with open(change.path, encoding="utf-8", errors="replace") as file:
            before = file.read().splitlines(keepends=True)
    after = (change.text or "").splitlines(keepends=True)
    name = shown_path(change.path)
    return "".join(unified_diff(before, after, f"a/{name}", f"b/{name}"))


def _say(arguments: Namespace, text: str, changes: Sequence[Change]) -> None:
    """Print the outcome to stdout in the format asked for."""
    if arguments.format == "json":
        import json

        listed = [{"file": shown_path(c.path), "reason": c.reason} for c in changes]
        print(json.dumps({"changes": listed, "errors": []}, indent=2))
    elif not arguments.quiet:
        print(text)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
