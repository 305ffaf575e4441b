"""The class of the installed transformers that a model type has, read from its source.

To import it would take seconds, and torch.
"""

import ast
import os
from contextlib import suppress
from importlib.util import find_spec

_TABLE = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"
_FILE = os.path.join("models", "auto", "modeling_auto.py")


def language_models() -> dict[str, str]:
    """The class of each model type that is a language model's; none without transformers."""
    # Whatever another version of transformers has there, nobody has to have it.
    with suppress(ImportError, OSError, SyntaxError, ValueError, AttributeError):
        found = find_spec("transformers")
        folder = os.path.dirname(found.origin or "") if found else ""
        with open(os.path.join(folder, _FILE), encoding="utf-8") as file:
            return _entries(ast.parse(file.read()))
    return {}


def model_type_of(name: str, known: dict[str, str]) -> str:
    """The model type that a spec's name means, with its underscores or without; else empty."""
    plain = name.replace("_", "")
    close = (model_type for model_type in known if model_type.replace("_", "") == plain)
    return name if name in known else next(close, "")


def _entries(tree: ast.Module) -> dict[str, str]:
    """Pairs of text in the value of the table."""
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == _TABLE for target in targets):
            pairs = (node for node in ast.walk(statement) if isinstance(node, ast.Tuple))
            return dict(filter(None, map(_texts, pairs)))
    return {}


def _texts(pair: ast.Tuple) -> tuple[str, str] | None:
    values = [node.value for node in pair.elts if isinstance(node, ast.Constant)]
    if len(values) == len(pair.elts) == 2 and all(isinstance(value, str) for value in values):
        return str(values[0]), str(values[1])
    return None
