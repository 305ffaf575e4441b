"""`adaptergen infer`: a spec for a model that nobody has described yet."""

import os
import sys
from argparse import Namespace
from functools import partial
from typing import Any

from adaptergen import schema_file
from adaptergen.commands.libraries import require_libraries
from adaptergen.commands.settings import settings
from adaptergen.destination import refuse_unwritable
from adaptergen.errors import Unusable, failure, shown_path
from adaptergen.infer.report import Report, reported
from adaptergen.language.files import spec_name
from adaptergen.project import Project, find_project
from adaptergen.report import visible
from adaptergen.selection import misnamed
from adaptergen.sources import digest_generator
from adaptergen.writing import write_all


def run(arguments: Namespace) -> int:
    """Infer, write and print; 1 if something is not explained."""
    require_libraries("infer")
    project = find_project()
    path = _target(arguments, project)
    fixed = settings(arguments.tiny, "--tiny")
    _allow_hub(arguments.source)
    as_json = arguments.format == "json"
    found = _found(arguments, fixed, project)
    if found.note:
        print(f"note: {visible(found.note)}", file=sys.stderr)
    if as_json:
        sys.stdout.write(found.json)
    report = sys.stdout if path and not as_json else sys.stderr
    if not arguments.quiet:
        report.write(found.table)
    if found.text and arguments.explain:
        report.write("nearest parents:\n" + found.parents)
    report.write(found.verdict)
    if found.text and (found.explained or arguments.partial):
        _deliver(project, path, found.text, arguments)
    return 0 if found.explained else 1


def _found(arguments: Namespace, fixed: dict[str, Any], project: Project) -> Report:
    """The report by a process of its own, which may take only so much."""
    from adaptergen.verify.process import run_alone

    task = partial(reported, arguments.source, arguments.trust_remote_code, fixed, project)
    progress = _progress(arguments)
    return run_alone(arguments.source, task, arguments.memory, arguments.timeout, progress)


def _target(arguments: Namespace, project: Project) -> str | None:
    """The file to write, which must be a spec's, and must not be there but can be made."""
    path: str | None = arguments.out
    if path is None:
        return None
    for mistake in misnamed(path):
        raise Unusable(f"--out {path}: {mistake.message}", mistake.hint)
    if os.path.exists(path) and not arguments.force:
        raise failure(path, "exists already, so it is left alone", "--force replaces it")
    refuse_unwritable(path, "--out")
    if _is_in(project, path):
        refuse_unwritable(os.path.join(project.output, f"{spec_name(path)}.py"), "--out: module")
    return path


def _is_in(project: Project, path: str) -> bool:
    """Whether a spec belongs to the project, and its module is built with it."""
    return os.path.dirname(os.path.abspath(path)) == os.path.abspath(project.specs)


def _allow_hub(source: str) -> None:
    """Tiny models need no hub; a name that is no class, file or folder is looked up there."""
    local = os.path.exists(source) or source.isidentifier() or source.endswith(".json")
    if not local:
        os.environ.setdefault("HF_HUB_OFFLINE", "0")


def _progress(arguments: Namespace) -> Any:
    if arguments.quiet or not sys.stderr.isatty():
        return lambda line: None
    return lambda line: print(f"\r\033[K{line}\r", end="", file=sys.stderr, flush=True)


def _deliver(project: Project, path: str | None, text: str, arguments: Namespace) -> None:
    """Write the spec, and its module if it belongs to the project; or print it."""
    as_json = arguments.format == "json"
    if path is None:
        if not as_json:
            sys.stdout.write(text)
        return
    texts: dict[str, str | None] = {path: text}
    schema = os.path.join(os.path.dirname(path), schema_file.FILE)
    if not os.path.exists(schema):
        texts[schema] = schema_file.text(digest_generator())
    write_all(texts)
    # JSON stays JSON.
    report = sys.stderr if as_json else sys.stdout
    report.write(f"wrote {visible(shown_path(path))}\n")
    if _is_in(project, path):
        from adaptergen.build import bring_up_to_date

        for change in bring_up_to_date(project, [path]):
            report.write(f"wrote {visible(shown_path(change.path))}\n")
