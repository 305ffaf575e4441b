"""The libraries that only some verbs need."""

from importlib.util import find_spec

from adaptergen.errors import Unusable

_NEEDED = {"torch": "torch", "transformers": "transformers", "transformer_lens": "transformer-lens"}


def require_libraries(verb: str) -> None:
    """Let a verb go on that needs torch and its relatives.

    Raises:
        Unusable: if they are not installed.
    """
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        hint = "pip install 'adaptergen[verify]'"
        raise Unusable(f"{verb} needs {', '.join(missing)}", hint)
