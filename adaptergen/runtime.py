"""Puts generated adapters to use in TransformerLens. Needs the `verify` extra."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from types import ModuleType
from typing import TYPE_CHECKING, Any

from adaptergen.errors import failure
from adaptergen.project import bundled
from adaptergen.registry import FILE
from adaptergen.stamp import digest

if TYPE_CHECKING:
    from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter


def register(*folders: str) -> list[str]:
    """Make generated adapters known to TL, under new names and in place of its own.

    Afterwards both `build_bridge_from_module` and `TransformerBridge.boot_transformers` use them.
    What one of them refuses is left to the adapter that was there before.

    Args:
        folders: Folders with a generated registry; without any, the adapters bundled here.

    Returns:
        The names of the architectures registered.

    Raises:
        Failure: if a folder has no registry.
        ImportError: if TransformerLens is not installed.
    """
    from transformer_lens.factories import architecture_adapter_factory as factory

    # TL would warn later about entry points for names that are registered by then.
    factory.ArchitectureAdapterFactory.discover_entry_points()
    names: list[str] = []
    for folder in folders or (bundled("generated"),):
        for name, own in load_adapters(folder).items():
            adapter = _falling_back(own, factory.SUPPORTED_ARCHITECTURES.get(name))
            factory.ArchitectureAdapterFactory.register_adapter(name, adapter)
            # `boot_transformers` recognises a checkpoint's class by this table alone.
            factory.SUPPORTED_ARCHITECTURES[name] = adapter
            names.append(name)
    return names


def _falling_back(
    own: "type[ArchitectureAdapter]", other: "type[ArchitectureAdapter] | None"
) -> "type[ArchitectureAdapter]":
    """An adapter that makes one of another class where that is called as its own cannot be.

    That is with a config that its own refuses, or as base of an adapter for another architecture.
    """
    refused: dict[str, bool] = getattr(own, "refused", {})
    if other is None or not (refused or len(signature(other).parameters) > 1):
        return own

    def new(cls: type, cfg: Any, **options: Any) -> Any:
        # Python initialises what is returned here only if it is of the class that was called.
        refuses = options or any(
            bool(getattr(cfg, key, not value)) == value for key, value in refused.items()
        )
        return other(cfg, **options) if refuses else object.__new__(cls)

    return type(own.__name__, (own,), {"__new__": new, "__module__": own.__module__})


def load_adapters(folder: str) -> "dict[str, type[ArchitectureAdapter]]":
    """The adapter classes of a folder of generated modules, by architecture.

    Raises:
        Failure: if the folder has no registry.
    """
    path = os.path.realpath(os.path.join(folder, FILE))
    if not os.path.isfile(path):
        raise failure(folder, "no registry of generated adapters here", "run `adaptergen build`")
    own = os.path.realpath(bundled("generated")) == os.path.dirname(path)
    name = "adaptergen.generated" if own else f"adaptergen_{digest([path.encode()])}"
    adapters: dict[str, type[ArchitectureAdapter]] = _load_package(name, path).ADAPTERS
    return adapters


def _load_package(name: str, path: str) -> ModuleType:
    if name not in sys.modules:
        spec = spec_from_file_location(
            name, path, submodule_search_locations=[os.path.dirname(path)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
