"""`adaptergen verify`."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib.util import find_spec as find_module
from typing import Any

from adaptergen.build import Build, select_specs
from adaptergen.commands.show import load
from adaptergen.errors import Failure, Unusable, failure, shown_path
from adaptergen.project import Project, bundled, find_project
from adaptergen.report import wants_colour
from adaptergen.spec.load import LoadedSpec
from adaptergen.spec.tree import parse
from adaptergen.writing import write_all

_NEEDED = {"torch": "torch", "transformers": "transformers", "transformer_lens": "transformer-lens"}


def run(arguments: Namespace) -> int:
    """Verify adapters against HF and print a table; 1 if one of them fails."""
    _require_libraries()
    if arguments.list_checks:
        return _list_checks()
    project = find_project()
    names = arguments.specs or select_specs(project, [])
    if arguments.module and len(names) != 1:
        raise Unusable("--module needs exactly one spec")
    overrides = _overrides(arguments.overrides)
    work = [
        (spec, _module(project, spec, arguments.module))
        for spec in (load(project, n) for n in names)
    ]
    from adaptergen.verify import verify
    from adaptergen.verify.report import table, to_json
    from adaptergen.verify.select import Selection

    progress = _progress(arguments.quiet)
    select = Selection(tuple(arguments.only), tuple(arguments.skip))
    records = [verify(spec, module, overrides, progress, select) for spec, module in work]
    progress("")
    if arguments.json:
        write_all({arguments.json: to_json(records)})
    sys.stdout.write(table(records, wants_colour(sys.stdout)))
    return 0 if all(record.passed for record in records) else 1


def _list_checks() -> int:
    from adaptergen.verify.checks import ALL
    from adaptergen.verify.select import listing

    sys.stdout.write(listing(ALL))
    return 0


def _require_libraries() -> None:
    missing = [package for module, package in _NEEDED.items() if find_module(module) is None]
    if missing:
        hint = "pip install 'adaptergen[verify]'"
        raise Unusable(f"verify needs {', '.join(missing)}", hint)


def _module(project: Project, loaded: LoadedSpec, given: str | None) -> str:
    """The module to verify: the one given, or the one generated from the spec."""
    own = os.path.dirname(os.path.abspath(loaded.path)) != os.path.abspath(bundled("specs"))
    folder = project.output if own else _bundled_output(project)
    module = given or os.path.join(folder, f"{loaded.name}.py")
    if not os.path.isfile(module):
        hint = "" if given else f"run `adaptergen build {shown_path(loaded.path)}`"
        raise failure(module, "no such module", hint)
    if not given and own:
        _warn_if_stale(project, loaded)
    return module


def _bundled_output(project: Project) -> str:
    same = os.path.abspath(project.specs) == os.path.abspath(bundled("specs"))
    return project.output if same else bundled("generated")


def _warn_if_stale(project: Project, loaded: LoadedSpec) -> None:
    for change in Build(project, [loaded.path], whole=False).stale():
        print(f"note: {shown_path(change.path)} is stale ({change.reason})", file=sys.stderr)


def _overrides(settings: Sequence[str]) -> dict[str, Any]:
    """HF config keys and values of `--set KEY=VALUE`; values are read as in a spec."""
    overrides: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (equals and key.isidentifier()):
            raise Unusable(f"--set {setting}: expected KEY=VALUE")
        try:
            overrides[key] = parse("--set", f"{key}: {value}".encode()).plain()[key]
        except Failure as error:
            raise Unusable(f"--set {setting}: {error.diagnostics[0].message}") from None
    return overrides


def _progress(quiet: bool) -> Callable[[str], None]:
    """Shows what is being done on stderr: on a terminal in one line that is rewritten."""
    if quiet:
        return lambda line: None
    if sys.stderr.isatty():
        return lambda line: print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    seen: set[str] = set()

    def once_a_spec(line: str) -> None:
        name = line.partition(":")[0]
        if name and name not in seen:
            seen.add(name)
            print(f"verifying {name}", file=sys.stderr)

    return once_a_spec
