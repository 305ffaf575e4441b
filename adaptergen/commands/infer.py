"""`adaptergen infer`: a spec for a model that nobody has described yet."""

import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from adaptergen.commands.libraries import require_libraries
from adaptergen.commands.settings import settings
from adaptergen.errors import Failure, Unusable, failure, shown_path
from adaptergen.project import Project, find_project
from adaptergen.spec.files import ENDING, spec_files, spec_name
from adaptergen.spec.load import LoadedSpec, Loader
from adaptergen.spec.schema import FILE, schema_text
from adaptergen.writing import write_all

if TYPE_CHECKING:
    from adaptergen.infer.outcome import Outcome


def run(arguments: Namespace) -> int:
    """Infer, write and print; 1 if something is not explained."""
    require_libraries("infer")
    project = find_project()
    path = _target(arguments)
    fixed = settings(arguments.tiny, "--tiny")
    _allow_hub(arguments.source)
    from adaptergen.infer.outcome import as_json, explained_parents, outcome, table, verdict
    from adaptergen.infer.run import infer
    from adaptergen.infer.source import source

    meant = source(arguments.source, trust_remote_code=arguments.trust_remote_code)
    inference = infer(
        meant.architecture, meant.given, fixed, project.template_folders(), _progress(arguments)
    )
    found = outcome(inference, _candidates(project, meant.architecture))
    if arguments.json:
        sys.stdout.write(as_json(inference, found))
    report = sys.stdout if path and not arguments.json else sys.stderr
    if not arguments.quiet:
        report.write(table(inference))
    if found and arguments.explain:
        report.write("nearest parents:\n" + explained_parents(found))
    report.write(verdict(inference))
    if found and (inference.explained or arguments.partial):
        _deliver(project, path, found, arguments)
    return 0 if inference.explained else 1


def _target(arguments: Namespace) -> str | None:
    """The file to write, which must be a spec's, and must not be there."""
    path: str | None = arguments.out
    if path is None:
        return None
    name = spec_name(path)
    if not path.endswith(ENDING) or not name.isidentifier() or name != name.lower():
        hint = f"a spec's file is named like a module, and ends in {ENDING}"
        raise Unusable(f"--out {path}: not a name for a spec", hint)
    if os.path.exists(path) and not arguments.force:
        raise failure(path, "exists already, so it is left alone", "--force replaces it")
    return path


def _allow_hub(source: str) -> None:
    """Tiny models need no hub; a name that is no class, file or folder is looked up there."""
    local = os.path.exists(source) or source.isidentifier() or source.endswith(".json")
    if not local:
        os.environ.setdefault("HF_HUB_OFFLINE", "0")


def _candidates(project: Project, architecture: str) -> list[LoadedSpec]:
    """The specs that the new one may extend: not those of the same class, nor their children."""
    paths: dict[str, str] = {}
    for folder in project.spec_folders():
        for path in spec_files(folder):
            paths.setdefault(spec_name(path), path)
    found = []
    loader = Loader(project.spec_folders())
    for path in paths.values():
        try:
            found.append(loader.load(path))
        except Failure:
            # A mistake in another spec is for `build` to report.
            continue
    own = {spec.path for spec in found if architecture in spec.spec.architectures}
    return [spec for spec in found if not own & {spec.path, *spec.parents}]


def _progress(arguments: Namespace) -> Any:
    if arguments.quiet or not sys.stderr.isatty():
        return lambda line: None
    return lambda line: print(f"\r\033[K{line}\r", end="", file=sys.stderr, flush=True)


def _deliver(project: Project, path: str | None, found: "Outcome", arguments: Namespace) -> None:
    """Write the spec, and its module if it belongs to the project; or print it."""
    if path is None:
        if not arguments.json:
            sys.stdout.write(found.text)
        return
    texts: dict[str, str | None] = {path: found.text}
    schema = os.path.join(os.path.dirname(path), FILE)
    if not os.path.exists(schema):
        texts[schema] = schema_text()
    write_all(texts)
    # JSON stays JSON.
    report = sys.stderr if arguments.json else sys.stdout
    report.write(f"wrote {shown_path(path)}\n")
    if os.path.dirname(os.path.abspath(path)) == os.path.abspath(project.specs):
        from adaptergen.build import Build

        changes = Build(project, [path], whole=False).changes()
        write_all({change.path: change.text for change in changes})
        for change in changes:
            report.write(f"wrote {shown_path(change.path)}\n")
