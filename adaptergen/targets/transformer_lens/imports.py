"""The import block of a generated module: exactly the names that its code uses."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Set
from symtable import SymbolTable, symtable
from types import MappingProxyType

from adaptergen.targets.transformer_lens.names import PUBLIC_API


def import_block(code: str, others: Mapping[str, str] = MappingProxyType({})) -> str:
    """Import statements for `code`, the standard library first, in ruff's order.

    `others` are modules of further names that it may use.

    Raises:
        SyntaxError: if `code` is not Python.
    """
    names: dict[str, list[str]] = defaultdict(list)
    sources = {**PUBLIC_API, **others}
    for name in sorted(_used(symtable(code, "module", "exec"), sources.keys())):
        names[sources[name]].append(name)
    standard = [_statement(m, names[m]) for m in sorted(names) if m in sys.stdlib_module_names]
    rest = [_statement(m, names[m]) for m in sorted(names) if m not in sys.stdlib_module_names]
    beside = [line for line in rest if line.startswith("from .")]
    installed = [line for line in rest if line not in beside]
    return "\n\n".join("\n".join(block) for block in (standard, installed, beside) if block)


def _used(scope: SymbolTable, names: Set[str]) -> set[str]:
    """Which of the names a scope, or one inside of it, has from the module or from nowhere."""
    symbols = map(scope.lookup, names & scope.get_identifiers())
    used = {s.get_name() for s in symbols if s.is_referenced() and s.is_global()}
    return used.union(*(_used(child, names) for child in scope.get_children()))


def _statement(module: str, names: list[str]) -> str:
    if names == [module]:
        return f"import {module}"
    return f"from {module} import {', '.join(names)}"
