"""`adaptergen verify`."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, Any

from adaptergen.build import Build
from adaptergen.commands.libraries import require_libraries
from adaptergen.commands.progress import progress
from adaptergen.commands.settings import settings
from adaptergen.errors import Unusable, failure, shown_path
from adaptergen.language.files import spec_files
from adaptergen.project import Project, bundled, nearest_project
from adaptergen.report import wants_colour
from adaptergen.selection import project_of, select_spec, select_specs
from adaptergen.spec.load import LoadedSpec, Loader
from adaptergen.temporary import WITH_SOCKETS, temporary_folder
from adaptergen.verify.document import to_json
from adaptergen.verify.report import Report, refuse_places
from adaptergen.verify.share import ALONE, Share, shares

if TYPE_CHECKING:
    from adaptergen.verify.jobs import Job


def run(arguments: Namespace) -> int:
    """Verify adapters against HF and print a table; 1 if one of them fails."""
    if arguments.list_checks:
        return _list_checks(arguments)
    require_libraries("verify")
    if arguments.resume and not arguments.json:
        raise Unusable("--resume needs --json FILE, where finished records are")
    places = refuse_places(arguments.json, arguments.html)
    with places, temporary_folder(WITH_SOCKETS) as taken:
        return _verify(_jobs(arguments, taken), arguments)


def _verify(jobs: "list[Job]", arguments: Namespace) -> int:
    from adaptergen.verify.jobs import Limits, run_jobs
    from adaptergen.verify.table import table

    limits = Limits(arguments.jobs, arguments.timeout, arguments.memory)
    report = Report(jobs, arguments.json, arguments.html)
    if arguments.resume:
        report.resume()
    watcher = progress(sys.stderr, len(report.missing), arguments.quiet)

    def show() -> None:
        if arguments.format == "json":
            sys.stdout.write(to_json(report.records, complete=not report.missing))
        elif report.records:
            sys.stdout.write(table(report.records, wants_colour(sys.stdout)))

    # After Ctrl-C too what is done is reported; if one of these fails, the others still happen.
    with ExitStack() as last:
        # A pipe for a report may make this wait until its reader takes it: that is last.
        last.callback(report.close)
        last.callback(show)
        last.callback(watcher.close)
        for job, record in last.enter_context(closing(run_jobs(report.missing, limits, watcher))):
            report.add(job, record)
    return 0 if all(record.passed for record in report.records) else 1


def _jobs(arguments: Namespace, taken: str) -> "list[Job]":
    """Jobs of the run; in the folder `taken`, processes note which mutants they judge."""
    project = project_of(arguments.specs)
    # Generated modules may import bridges that the project has written by hand.
    sys.path.append(project.root)
    if arguments.all and (arguments.specs or arguments.adapter or arguments.module):
        raise Unusable("--all means every spec; name none, and no adapter or module")
    if arguments.adapter:
        return [_shipped_job(project, arguments)]
    names = arguments.specs or _all(project)
    if arguments.module and len(names) != 1:
        raise Unusable("--module needs exactly one spec")
    overrides = settings(arguments.overrides, "--set")
    options = _options(arguments)
    if arguments.mutants:
        options["mutants_from"] = project.template_folders()
    paths = [select_spec(project, name) for name in names]
    specs = list(Loader(project.spec_folders()).load_all(paths))
    if not arguments.specs:
        specs = _of_installed(specs)
    work = [(spec, _module(project, spec, arguments.module)) for spec in specs]
    if not arguments.module:
        _warn_of_stale(project, [spec.path for spec in specs if _is_built_here(project, spec)])
    # What is left of the processes when each spec has one.
    processes = max(1, arguments.jobs // len(work)) if arguments.mutants else 1
    return [
        _job(spec, module, overrides, options, shares(processes, os.path.join(taken, str(number))))
        for number, (spec, module) in enumerate(work)
    ]


def _all(project: Project) -> list[str]:
    """The project's specs; outside of projects the bundled ones."""
    if os.path.isdir(project.specs) or nearest_project(os.curdir):
        return select_specs(project, [])
    print("note: there is no project here, so these are the bundled specs", file=sys.stderr)
    return spec_files(bundled("specs"))


def _of_installed(specs: Sequence[LoadedSpec]) -> list[LoadedSpec]:
    """The specs whose HF class the transformers installed can have; the others are named."""
    from adaptergen.verify.versions import is_older_than

    found = []
    for loaded in specs:
        since = loaded.spec.since
        if since and is_older_than(since):
            needs = f"{loaded.spec.architecture} needs transformers {since} or later"
            print(f"note: {loaded.name} is left out: {needs}", file=sys.stderr)
        else:
            found.append(loaded)
    return found


def _options(arguments: Namespace) -> dict[str, Any]:
    """Arguments of `adaptergen.verify.verify` beyond the spec, the module and the config."""
    from adaptergen.verify.select import Selection

    select = Selection(tuple(arguments.only), tuple(arguments.skip))
    options: dict[str, Any] = {"select": select, "with_variants": arguments.variants}
    if arguments.code:
        options["code"] = os.path.abspath(arguments.code)
    return options


def _shipped_job(project: Project, arguments: Namespace) -> "Job":
    """Verifies TransformerLens' own adapter, against the spec of its architecture if there is one.

    The names of specs may be given to choose among several.
    """
    from adaptergen.verify.inputs import hash_inputs
    from adaptergen.verify.jobs import Job
    from adaptergen.verify.module import SHIPPED
    from adaptergen.verify.record import Record
    from adaptergen.verify.shipped import check_architecture, verify_shipped

    name, module = arguments.adapter, f"{SHIPPED}{arguments.adapter}"
    if arguments.module:
        raise Unusable("--adapter and --module exclude each other")
    if arguments.mutants:
        raise Unusable("--mutants breaks generated adapters, not those that TransformerLens ships")
    if arguments.code:
        raise Unusable("--adapter and --trust-remote-code exclude each other")
    check_architecture(name)
    overrides, options = settings(arguments.overrides, "--set"), _options(arguments)
    spec = _spec_of(project, name, arguments.specs)
    if spec:
        return _job(spec, module, overrides, options, [ALONE])
    inputs = hash_inputs([], {"adapter": name, "overrides": overrides, **options})
    blank = Record(name, name, module, overrides, (), 0.0, inputs=inputs)
    return Job(partial(verify_shipped, name, overrides, **options), blank)


def _spec_of(project: Project, architecture: str, names: Sequence[str]) -> LoadedSpec | None:
    """The spec of an architecture: one of those named, else the project's or a bundled one."""
    paths = names or [path for folder in project.spec_folders() for path in spec_files(folder)]
    loader = Loader(project.spec_folders())
    for path in paths:
        spec = loader.load(select_spec(project, path))
        if architecture in spec.spec.architectures:
            return spec
    if names:
        raise Unusable(f"no spec among {', '.join(names)} is of {architecture}")
    return None


def _job(
    spec: LoadedSpec,
    module: str,
    overrides: dict[str, Any],
    options: dict[str, Any],
    among: Sequence[Share],
) -> "Job":
    from adaptergen.verify import verify
    from adaptergen.verify.inputs import code_files, hash_inputs, module_files
    from adaptergen.verify.jobs import Job
    from adaptergen.verify.record import Record

    settings = {"overrides": overrides, **options}
    files = [spec.path, *spec.parents, *module_files(module, spec.spec)]
    if "code" in options:
        files += code_files(options["code"])
    templates = options.get("mutants_from", ())
    inputs = hash_inputs(files, {"module": module, **settings}, templates)
    blank = Record(spec.name, spec.spec.architecture, module, overrides, (), 0.0, inputs=inputs)
    tasks = [partial(verify, spec, module, overrides, **options, share=share) for share in among]
    return Job(tasks[0], blank, tuple(tasks[1:]))


def _list_checks(arguments: Namespace) -> int:
    """Print every check; read from their source, without the libraries that they need."""
    from adaptergen.reference.checks import checks

    listed = checks()
    if arguments.format == "json":
        told = [{"check": c.name, "group": c.group, "description": c.proves} for c in listed]
        print(json.dumps(told, indent=2))
        return 0
    width = max(len(check.name) for check in listed)
    sys.stdout.writelines(f"{check.name:<{width}}  {check.proves}\n" for check in listed)
    return 0


def _module(project: Project, loaded: LoadedSpec, given: str | None) -> str:
    """The module to verify: the one given, or the one generated from the spec."""
    folder = project.output if _is_built_here(project, loaded) else bundled("generated")
    module = given or os.path.join(folder, f"{loaded.name}.py")
    if not os.path.isfile(module):
        hint = "" if given else f"run `adaptergen build {shown_path(loaded.path)}`"
        raise failure(module, "no such module", hint)
    return module


def _is_built_here(project: Project, loaded: LoadedSpec) -> bool:
    """Whether the project builds a spec's module; those of others' bundled specs are bundled too.

    In adaptergen's own project, the bundled specs are the project's.
    """
    folder = os.path.dirname(os.path.abspath(loaded.path))
    return folder != os.path.abspath(bundled("specs")) or folder == os.path.abspath(project.specs)


def _warn_of_stale(project: Project, specs: Sequence[str]) -> None:
    # A build of no specs would still look at the registry.
    changes = Build(project, specs, whole=False).stale() if specs else []
    for change in changes:
        print(f"note: {shown_path(change.path)} is stale ({change.reason})", file=sys.stderr)
