"""Loads the adapter class under test: from a generated file, or from TL's own."""

import contextlib
import importlib.util
import io
import itertools
import os
import sys
from types import ModuleType

from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter

from adaptergen.project import bundled
from adaptergen.verify.once import MissingError

# What comes before the architecture's name for an adapter that TL ships.
SHIPPED = "transformer_lens:"

_counter = itertools.count()


def load_adapter(source: str) -> type[ArchitectureAdapter]:
    """The adapter class at `source`: a file, or `transformer_lens:` and an architecture's name.

    Raises:
        MissingError: if TL ships none of that name, or the file defines none or more than one.
        Exception: whatever running the file raises.
    """
    if source.startswith(SHIPPED):
        return _shipped(source.removeprefix(SHIPPED))
    return _defined_in(source)


def _shipped(architecture: str) -> type[ArchitectureAdapter]:
    found: type[ArchitectureAdapter] | None = SUPPORTED_ARCHITECTURES.get(architecture)
    if found is None:
        raise MissingError(f"TransformerLens ships no adapter for {architecture}")
    return found


def _defined_in(path: str) -> type[ArchitectureAdapter]:
    """The one `ArchitectureAdapter` subclass that the file defines; the file is run."""
    name = f"{_package_of(path)}.adapter"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise MissingError(f"{os.path.basename(path)} is not a Python file")
    # As Python's own import does: torch looks up by name what it compiles.
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    # What a module prints must not get into the table.
    with contextlib.redirect_stdout(io.StringIO()):
        spec.loader.exec_module(module)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, ArchitectureAdapter)
        and value.__module__ == name
    ]
    if len(found) != 1:
        names = ", ".join(cls.__name__ for cls in found) or "none"
        raise MissingError(f"expected one ArchitectureAdapter class in the file, found {names}")
    return found[0]


def _package_of(path: str) -> str:
    """The name of a new package of the modules beside a file, none of which has run.

    Each time it is another: the same files may be loaded again after an edit. What is not there is
    looked for among the bundled modules.
    """
    name = f"_adaptergen_verified_{next(_counter)}"
    package = ModuleType(name)
    package.__path__ = [os.path.dirname(os.path.abspath(path)), bundled("generated")]
    sys.modules[name] = package
    return name
