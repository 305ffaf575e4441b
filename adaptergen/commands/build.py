"""`adaptergen build`."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import partial

from adaptergen import quick
from adaptergen.build import FORGED, Build, Change
from adaptergen.errors import Diagnostic, Unusable, shown_path
from adaptergen.folder import LEFT_ALONE, MISSING, Folder
from adaptergen.language.files import spec_files
from adaptergen.lock import Lock
from adaptergen.project import Project, find_project
from adaptergen.report import as_github, print_failures, print_json, visible
from adaptergen.selection import project_of, select_specs
from adaptergen.targets.registered import DEFAULT
from adaptergen.writing import abandoned, clear, write_all


def run(arguments: Namespace) -> int:
    """Build, check or show the specs that the arguments name; 1 if a check finds stale files."""
    if arguments.render and (arguments.diff or arguments.stdout):
        raise Unusable("--render is for builds and for --check; --diff and --stdout render anyway")
    project = _project(arguments)
    specs = select_specs(project, arguments.specs)
    own = spec_files(project.specs)
    whole = bool(own) and {*map(os.path.abspath, own)} <= {*map(os.path.abspath, specs)}
    reads = arguments.check or arguments.diff or arguments.stdout
    if not reads:
        Folder(project).refuse_place()
    with Lock(project.output, share=reads, waiting=partial(tell_of_waiting, project.output)):
        look = partial(
            Build, project, specs, arguments.target, whole=whole,
            force=arguments.force or arguments.check, prune=arguments.prune,
            render=arguments.render,
        )  # fmt: skip
        build = look()
        if arguments.stdout:
            sys.stdout.write("".join(build.texts()))
            return 0
        stopped = _stopped(project)
        left = build.left_alone()
        for path in left:
            _note(f"{shown_path(path)} has no spec here, and no build of this project is known to "
                  "have written it: it is left alone, and --prune removes it")  # fmt: skip
        stale = _stale(build, arguments)
        if not (stopped or stale or left) and _is_plain(arguments) and find_project() == project:
            said = _up_to_date(build)
            quick.note(rests_on(project), said, lambda: not _stale(look(), arguments))
        if arguments.check:
            return _check(build, stopped + stale, arguments)
        if not (stopped or stale):
            return _say_up_to_date(build, arguments)
        changes = stale if arguments.render else build.changes()
        if not arguments.diff:
            return (
                _repair(build, changes, arguments) if stopped else write(build, changes, arguments)
            )
    for change in changes:
        sys.stdout.write(_diff(change))
    return 1


def rests_on(project: Project) -> list[str]:
    """The folders that decide whether a project is fresh, as `quick.state` takes them."""
    folders = [*project.spec_folders(), *project.template_folders()]
    return [*(f"all {folder}" for folder in folders), f"flat {project.output}"]


def _is_plain(arguments: Namespace) -> bool:
    """Whether nothing but the project says what there is to do."""
    a = arguments
    named = a.specs or a.out or a.templates
    return not (named or a.diff or a.stdout or a.prune or a.render or a.force)


def _stopped(project: Project) -> list[Change]:
    """What builds that were killed have left where they replaced files."""
    left = [path for folder in (project.output, project.specs) for path in abandoned(folder)]
    return [Change(path, "left by a build that was stopped") for path in left]


def _stale(build: Build, arguments: Namespace) -> list[Change]:
    """Files that are out of date, as a check lists them."""
    return build.changes() if arguments.render else build.stale()


def _repair(build: Build, changes: Sequence[Change], arguments: Namespace) -> int:
    """Write what is out of date where a build was killed, and then remove what it has left.

    Should this one be killed as well, the next still finds that.
    """
    _note("a build was stopped while it replaced files: this one brings all up to date")
    status = write(build, changes, arguments)
    for folder in (build.project.output, build.project.specs):
        clear(folder)
    return status


def _note(text: str) -> None:
    print(f"note: {visible(text)}", file=sys.stderr)


def tell_of_waiting(folder: str) -> None:
    """Say why nothing happens yet."""
    _note(f"another build is at work in {shown_path(folder)}; this one waits for it to end")


def _project(arguments: Namespace) -> Project:
    project = project_of(arguments.specs)
    if arguments.target != DEFAULT:
        project = project._replace(output=os.path.join(project.output, arguments.target))
    if arguments.out:
        # Links are followed where a person names the folder.
        project = project._replace(output=os.path.realpath(arguments.out))
    if arguments.templates:
        project = project._replace(templates=os.path.abspath(arguments.templates))
    return project


def _say_up_to_date(build: Build, arguments: Namespace) -> int:
    return say(arguments, _up_to_date(build), [])


def _up_to_date(build: Build) -> str:
    count = len(build.specs)
    return f"up to date: {count} adapter{'' if count == 1 else 's'}"


def _check(build: Build, stale: Sequence[Change], arguments: Namespace) -> int:
    if not stale:
        return _say_up_to_date(build, arguments)
    mistakes = build.mistakes()
    # A build would end at the mistakes, and say no more than this.
    advice = "" if mistakes else _advice(stale, arguments.target)
    if arguments.format == "json":
        print_json(listed(stale), mistakes)
        return 1
    for change in stale:
        if arguments.format == "github":
            print(as_github(Diagnostic(change.path, 0, 0, f"stale: {change.reason}", advice)))
        else:
            print(visible(f"stale: {shown_path(change.path)} ({change.reason})"))
    if advice and arguments.format == "text":
        print(advice)
    print_failures(mistakes, arguments.format)
    return 1


def _advice(stale: Sequence[Change], target: str) -> str:
    reasons = {change.reason for change in stale}
    command = "adaptergen build" + (f" --target {target}" if target != DEFAULT else "")
    if FORGED in reasons:
        return f"run `{command} --render --force`"
    if reasons.intersection(LEFT_ALONE):
        return f"run `{command} --force`, which discards edits"
    return f"run `{command}`"


def write(build: Build, changes: Sequence[Change], arguments: Namespace) -> int:
    """Write what is out of date, and say so."""
    from shlex import quote

    if not changes:
        return _say_up_to_date(build, arguments)
    write_all({change.path: change.text for change in changes}, follow=False)
    lines = [_done(change) for change in changes]
    if fail := getattr(arguments, "fail_on_change", False):
        lines.append(f"now run: git add {' '.join(quote(shown_path(c.path)) for c in changes)}")
    return say(arguments, "\n".join(lines), changes, status=int(fail))


def _done(change: Change) -> str:
    done = "removed" if change.text is None else "wrote"
    reason = "new" if change.reason == MISSING else change.reason
    return f"{done} {shown_path(change.path)} ({reason})"


def _diff(change: Change) -> str:
    from difflib import unified_diff

    before: list[str] = []
    if os.path.exists(change.path):
        with open(change.path, encoding="utf-8", errors="replace") as file:
            before = file.read().splitlines(keepends=True)
    after = (change.text or "").splitlines(keepends=True)
    name = visible(shown_path(change.path))
    return "".join(unified_diff(before, after, f"a/{name}", f"b/{name}"))


def say(arguments: Namespace, text: str, changes: Sequence[Change], status: int = 0) -> int:
    """Print the outcome to stdout in the format asked for; `--quiet` hides success only."""
    if arguments.format == "json":
        print_json(listed(changes))
    elif status or not arguments.quiet:
        print("\n".join(map(visible, text.splitlines())))
    return status


def listed(changes: Sequence[Change]) -> list[dict[str, str]]:
    """Changes for programs."""
    return [{"file": shown_path(c.path), "reason": c.reason} for c in changes]
