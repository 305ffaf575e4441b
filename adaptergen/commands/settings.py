"""HF config keys and values on the command line, such as `--set attention_bias=true`."""

from collections.abc import Sequence
from typing import Any

from adaptergen.errors import Failure, Unusable
from adaptergen.language.tree import parse


def settings(given: Sequence[str], flag: str) -> dict[str, Any]:
    """The values of `KEY=VALUE`, read as in a spec.

    Raises:
        Unusable: if one of them is something else.
    """
    found: dict[str, Any] = {}
    for setting in given:
        key, equals, value = setting.partition("=")
        if not (equals and key.isidentifier()):
            raise Unusable(f"{flag} {setting}: expected KEY=VALUE")
        try:
            found[key] = parse(flag, f"{key}: {value}".encode()).plain()[key]
        except Failure as error:
            raise Unusable(f"{flag} {setting}: {error.diagnostics[0].message}") from None
    return found
