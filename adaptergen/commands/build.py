"""`adaptergen build`."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from adaptergen.build import Build, Change
from adaptergen.errors import Diagnostic, shown_path
from adaptergen.project import Project, find_project
from adaptergen.report import as_github, print_failures, print_json
from adaptergen.selection import select_specs
from adaptergen.spec.files import spec_files


def run(arguments: Namespace) -> int:
    """Build, check or show the specs that the arguments name; 1 if a check finds stale files."""
    project = _project(arguments)
    specs = select_specs(project, arguments.specs)
    own = spec_files(project.specs)
    whole = bool(own) and {*map(os.path.abspath, own)} <= {*map(os.path.abspath, specs)}
    build = Build(project, specs, whole=whole, force=arguments.force)
    if arguments.stdout:
        sys.stdout.write("".join(build.texts()))
        return 0
    if arguments.check:
        return _check(build, arguments)
    if not build.stale():
        return _say_up_to_date(build, arguments)
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


def _say_up_to_date(build: Build, arguments: Namespace) -> int:
    count = len(build.targets)
    return _say(arguments, f"up to date: {count} adapter{'' if count == 1 else 's'}", [])


def _check(build: Build, arguments: Namespace) -> int:
    stale = build.stale()
    if not stale:
        return _say_up_to_date(build, arguments)
    mistakes = build.mistakes()
    # A build would end at the mistakes, and say no more than this.
    advice = "" if mistakes else "run `adaptergen build`"
    if arguments.format == "json":
        print_json(_listed(stale), mistakes)
        return 1
    for change in stale:
        if arguments.format == "github":
            print(as_github(Diagnostic(change.path, 0, 0, f"stale: {change.reason}", advice)))
        else:
            print(f"stale: {shown_path(change.path)} ({change.reason})")
    if advice and arguments.format == "text":
        print(advice)
    print_failures(mistakes, arguments.format)
    return 1


def _write(changes: Sequence[Change], arguments: Namespace) -> int:
    from shlex import quote

    from adaptergen.writing import write_all

    write_all({change.path: change.text for change in changes})
    lines = [
        f"{'removed' if c.text is None else 'wrote'} {shown_path(c.path)} ({c.reason})"
        for c in changes
    ]
    if arguments.fail_on_change:
        lines.append(f"now run: git add {' '.join(quote(shown_path(c.path)) for c in changes)}")
    return _say(arguments, "\n".join(lines), changes, status=int(arguments.fail_on_change))


def _diff(change: Change) -> str:
    from difflib import unified_diff

    before: list[str] = []
    if os.path.exists(change.path):
        with open(change.path, encoding="utf-8", errors="replace") as file:
            before = file.read().splitlines(keepends=True)
    after = (change.text or "").splitlines(keepends=True)
    name = shown_path(change.path)
    return "".join(unified_diff(before, after, f"a/{name}", f"b/{name}"))


def _say(arguments: Namespace, text: str, changes: Sequence[Change], status: int = 0) -> int:
    """Print the outcome to stdout in the format asked for; `--quiet` hides success only."""
    if arguments.format == "json":
        print_json(_listed(changes))
    elif status or not arguments.quiet:
        print(text)
    return status


def _listed(changes: Sequence[Change]) -> list[dict[str, str]]:
    return [{"file": shown_path(c.path), "reason": c.reason} for c in changes]
