"""A plugin of pytest: puts generated adapters in the place of TransformerLens', notes outcomes.

`ADAPTERS` is `ours` or `own`, `OUTCOMES` the file for the outcome of each test, as JSON. Of files
with tests, those are collected that name an adapter or architecture that is replaced.
"""

import importlib
import json
import os
import pkgutil
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_FAILED: dict[str, str] = {}
_PASSED: set[str] = set()
# Architectures that both have an adapter for, and the names of TransformerLens' classes.
_REPLACED: set[str] = set()


def pytest_configure(config: pytest.Config) -> None:
    """Before tests import TransformerLens' classes."""
    from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES

    from adaptergen.project import bundled
    from adaptergen.runtime import load_adapters

    for name in load_adapters(bundled("generated")):
        if name in SUPPORTED_ARCHITECTURES:
            _REPLACED.update((name, SUPPORTED_ARCHITECTURES[name].__name__))
    if os.environ["ADAPTERS"] == "ours":
        _put_in_place()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out files that cannot tell whose adapters there are."""
    if not fnmatchcase(collection_path.name, "test_*.py"):
        return None
    words = re.findall(r"\w+", collection_path.read_text(encoding="utf-8"))
    return _REPLACED.isdisjoint(words) or None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test has failed if its call or what it was set up with has."""
    if report.failed:
        _FAILED[report.nodeid] = str(report.longreprtext).strip().splitlines()[-1]
    elif report.when == "call" and report.passed:
        _PASSED.add(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that cannot be imported counts as one test."""
    if report.failed:
        _FAILED[report.nodeid] = str(report.longreprtext).strip().splitlines()[-1]


def pytest_sessionfinish() -> None:
    """Write what became of each test."""
    outcomes = {"failed": _FAILED, "passed": sorted(_PASSED - _FAILED.keys())}
    Path(os.environ["OUTCOMES"]).write_text(json.dumps(outcomes, indent=1), encoding="utf-8")


def _put_in_place() -> None:
    from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES
    from transformer_lens.model_bridge import supported_architectures

    from adaptergen.runtime import register

    before = dict(SUPPORTED_ARCHITECTURES)
    for module in pkgutil.iter_modules(supported_architectures.__path__):
        importlib.import_module(f"{supported_architectures.__name__}.{module.name}")
    ours = {before[name]: SUPPORTED_ARCHITECTURES[name] for name in register() if name in before}
    replaced: dict[type, type] = {}
    for theirs, one in ours.items():
        replaced |= _namesakes(theirs, one) | {theirs: one}
    for module in _modules():
        _replace(vars(module), replaced)


def _namesakes(theirs: type, ours: type) -> dict[type, type]:
    """Bridges beside an adapter of TransformerLens, with those of the same name beside ours."""
    beside = vars(sys.modules[ours.__module__])
    return {
        bridge: beside[name]
        for name, bridge in vars(sys.modules[theirs.__module__]).items()
        if isinstance(bridge, type) and name in beside and bridge.__module__ == theirs.__module__
    }


def _modules() -> list[ModuleType]:
    """What is loaded of TransformerLens."""
    return [one for name, one in [*sys.modules.items()] if name.startswith("transformer_lens.")]


def _replace(names: dict[str, Any], replaced: dict[type, Any]) -> None:
    for name, value in names.items():
        if isinstance(value, type) and value in replaced:
            names[name] = replaced[value]
