"""TransformerLens adapters from YAML specs, proven against HuggingFace."""

# As type checkers read it: to import `typing`, or what follows, takes longer than a build with
# nothing to do.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

__version__ = "0.1.0"


def register(*folders: str, only: "Iterable[str] | None" = None) -> list[str]:
    """Make generated adapters known to TransformerLens; see `adaptergen.runtime.register`."""
    from adaptergen.runtime import register

    return register(*folders, only=only)


def registered(
    *folders: str, only: "Iterable[str] | None" = None
) -> "AbstractContextManager[list[str]]":
    """`register`, undone at the end of a `with`; see `adaptergen.runtime.registered`."""
    from adaptergen.runtime import registered

    return registered(*folders, only=only)
