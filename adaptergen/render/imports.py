"""The import block of a generated module: exactly the names that its code uses."""

import ast
import sys
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from adaptergen import support

_COMPONENTS = "transformer_lens.model_bridge.generalized_components"

# Where each name that a template may use is imported from: TL's public API, whole modules, and what
# is generated beside the adapters.
PUBLIC_API = {
    "Any": "typing",
    "BlockBridge": _COMPONENTS,
    "ClassVar": "typing",
    "DelegatedAttentionBlockBridge": _COMPONENTS,
    "GeneralizedComponent": f"{_COMPONENTS}.base",
    "MLABlockBridge": _COMPONENTS,
    "MLPBridge": _COMPONENTS,
    "ParallelBlockBridge": _COMPONENTS,
    "ParamProcessingConversion": "transformer_lens.conversion_utils.param_processing_conversion",
    "RearrangeTensorConversion": "transformer_lens.conversion_utils.conversion_steps",
    "RotaryEmbeddingBridge": _COMPONENTS,
    "UnembeddingBridge": _COMPONENTS,
    "torch": "torch",
    **{name: f".{module}" for module, names in support.MODULES.items() for name in names},
}


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
