"""TransformerLens adapters from YAML specs, proven against HuggingFace."""

from collections.abc import Iterable
from contextlib import AbstractContextManager

__version__ = "0.1.0"


def register(*folders: str, only: Iterable[str] | None = None) -> list[str]:
    """Make generated adapters known to TransformerLens; see `adaptergen.runtime.register`."""
    from adaptergen.runtime import register

    return register(*folders, only=only)


def registered(
    *folders: str, only: Iterable[str] | None = None
) -> AbstractContextManager[list[str]]:
    """`register`, undone at the end of a `with`; see `adaptergen.runtime.registered`."""
    from adaptergen.runtime import registered

    return registered(*folders, only=only)
