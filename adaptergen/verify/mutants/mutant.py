"""An adapter made wrong on purpose, and the spec that it is judged by."""

import ast
from dataclasses import dataclass

from adaptergen.spec.model import Spec


@dataclass(frozen=True)
class Mutant:
    """The text of a module, and the spec that the battery holds it against."""

    name: str
    description: str
    spec: Spec
    code: str


def meaning(code: str) -> str:
    """A module without its docstrings, comments and layout: what it does, as text."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
