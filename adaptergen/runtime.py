"""Puts generated adapters to use in TransformerLens. Needs the `verify` extra."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from inspect import signature
from types import ModuleType
from typing import TYPE_CHECKING, Any

from adaptergen.errors import did_you_mean, failure
from adaptergen.project import bundled
from adaptergen.registry import FILE
from adaptergen.stamp import digest

if TYPE_CHECKING:
    from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter


def register(*folders: str, only: Iterable[str] | None = None) -> list[str]:
    """Make generated adapters known to TL, under new names and in place of its own.

    Afterwards both `build_bridge_from_module` and `TransformerBridge.boot_transformers` use them.
    (TL finds adapters of installed packages by entry points, too, but up to TL 4.3
    `boot_transformers` asks a table that these do not reach.) What one of them refuses is left to
    the adapter that was there before.

    Args:
        folders: Folders with a generated registry; without any, the adapters bundled here.
        only: HF classes whose adapters to register, such as `LlamaForCausalLM`; without it, all.

    Returns:
        The names of the architectures registered.

    Raises:
        Failure: if a folder has no registry, or no folder an adapter for one of `only`. Nothing is
            registered then.
        ImportError: if TransformerLens is not installed.
    """
    factory = _factory()
    found = _chosen(folders or (bundled("generated"),), only)
    # TL would warn later about entry points for names that are registered by then.
    factory.ArchitectureAdapterFactory.discover_entry_points()
    for name, own in found:
        adapter = _falling_back(own, factory.SUPPORTED_ARCHITECTURES.get(name))
        factory.ArchitectureAdapterFactory.register_adapter(name, adapter)
        # `boot_transformers` recognises a checkpoint's class by this table alone.
        factory.SUPPORTED_ARCHITECTURES[name] = adapter
    return [name for name, _ in found]


@contextmanager
def registered(*folders: str, only: Iterable[str] | None = None) -> Iterator[list[str]]:
    """Register for a while: at the end TL's own adapters are in place again.

    Bridges that were made inside keep their adapters.

    Raises:
        Failure: as `register` does.
        ImportError: likewise.
    """
    factory = _factory()
    factory.ArchitectureAdapterFactory.discover_entry_points()
    # TL has no function that takes an adapter back.
    tables: list[dict[str, Any]] = [
        factory.ArchitectureAdapterFactory._adapters,
        factory.SUPPORTED_ARCHITECTURES,
    ]
    before = [dict(table) for table in tables]
    names = register(*folders, only=only)
    try:
        yield names
    finally:
        for table, old in zip(tables, before, strict=True):
            for name in names:
                table.pop(name, None)
            table |= {name: old[name] for name in names if name in old}


def _factory() -> Any:
    """TL's module that knows all adapters.

    Raises:
        ImportError: with the line that installs it, if TL is not installed.
    """
    try:
        from transformer_lens.factories import architecture_adapter_factory
    except ModuleNotFoundError as error:
        missing = (error.name or "transformer_lens").partition(".")[0]
        message = f"adapters need {missing}: pip install 'adaptergen[verify]'"
        raise ImportError(message, name=missing) from None
    return architecture_adapter_factory


def _chosen(
    folders: Iterable[str], only: Iterable[str] | None
) -> "list[tuple[str, type[ArchitectureAdapter]]]":
    """The adapters of folders, by architecture; those of `only` if it is given."""
    found = [pair for folder in folders for pair in load_adapters(folder).items()]
    if only is None:
        return found
    wanted = {only} if isinstance(only, str) else set(only)
    known = {name for name, _ in found}
    if unknown := sorted(wanted - known):
        hint = did_you_mean(unknown[0], known) or "`adaptergen list` names all bundled ones"
        raise failure(", ".join(unknown), "there is no adapter for it", hint)
    return [(name, own) for name, own in found if name in wanted]


def _falling_back(
    own: "type[ArchitectureAdapter]", other: "type[ArchitectureAdapter] | None"
) -> "type[ArchitectureAdapter]":
    """An adapter that makes one of another class where that is called as its own cannot be.

    That is with a config that its own refuses, or as base of an adapter for another architecture.
    """
    refused: dict[str, bool] = getattr(own, "refused", {})
    if other is None or not (refused or len(signature(other).parameters) > 1):
        return own

    # Without a config, as adapters are copied.
    def new(cls: type, cfg: Any = None, **options: Any) -> Any:
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
        loader = SourceFileLoader(name, path)
        spec = ModuleSpec(name, loader, origin=path)
        spec.submodule_search_locations = [os.path.dirname(path)]
        spec.has_location = True
        sys.modules[name] = module = module_from_spec(spec)
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
