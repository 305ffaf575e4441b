"""The specs of this project, and their generated modules."""

from pathlib import Path

from adaptergen.project import find_project
from adaptergen.selection import select_specs
from adaptergen.spec.load import LoadedSpec, Loader
from docs.scripts import ROOT

_PROJECT = find_project(str(ROOT))


def specs() -> list[LoadedSpec]:
    """The specs, by name."""
    return list(Loader(_PROJECT.spec_folders()).load_all(select_specs(_PROJECT, [])))


def output() -> Path:
    """The folder of generated modules, and of what was measured of them."""
    return Path(_PROJECT.output)


def module_of(spec: LoadedSpec) -> Path:
    """The generated module of a spec."""
    return output() / f"{spec.name}.py"
