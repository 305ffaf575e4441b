"""The import block of a generated module: exactly the names that its code uses."""

import ast
import sys
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from adaptergen.spec.names import PUBLIC_API


def import_block(code: str, others: Mapping[str, str] = MappingProxyType({})) -> str:
    """Import statements for `code`, the standard library first, in ruff's order.

    `others` are modules of further names that it may use.

    Raises:
        SyntaxError: if `code` is not Python.
    """
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    names: dict[str, list[str]] = defaultdict(list)
    sources = {**PUBLIC_API, **others}
    for name in sorted(used & sources.keys()):
        names[sources[name]].append(name)
    standard = [_statement(m, names[m]) for m in sorted(names) if m in sys.stdlib_module_names]
    rest = [_statement(m, names[m]) for m in sorted(names) if m not in sys.stdlib_module_names]
    beside = [line for line in rest if line.startswith("from .")]
    installed = [line for line in rest if line not in beside]
    return "\n\n".join("\n".join(block) for block in (standard, installed, beside) if block)


def _statement(module: str, names: list[str]) -> str:
    if names == [module]:
        return f"import {module}"
    return f"from {module} import {', '.join(names)}"
