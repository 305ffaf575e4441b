"""The purpose of each check of `verify`, read from its source: importing it would import torch."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

# The key under which a spec has the checks that its adapter is known to fail.
KNOWN_FAILURES = "verification.checks"
_FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "verify", "checks")


@dataclass(frozen=True)
class CheckEntry:
    """A check: what it proves, how it does, and the claim that a failure contradicts.

    `claim` is empty where that depends on what is found.
    """

    name: str
    proves: str
    how: tuple[str, ...]
    claim: str

    @property
    def group(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]


@cache
def checks() -> tuple[CheckEntry, ...]:
    """Every check, in the order of the battery."""
    tree = _tree("__init__")
    (battery,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ALL" and node.value
    )
    names = [ast.unparse(item).split(".") for item in ast.iter_child_nodes(battery)]
    return tuple(_entry(module, function) for module, function in filter(_is_named, names))


def _is_named(parts: list[str]) -> bool:
    return len(parts) == 2


@cache
def _tree(module: str) -> ast.Module:
    with open(os.path.join(_FOLDER, f"{module}.py"), encoding="utf-8") as file:
        return ast.parse(file.read())


def _entry(module: str, function: str) -> CheckEntry:
    found = {n.name: n for n in _tree(module).body if isinstance(n, ast.FunctionDef)}
    (call,) = (d for d in found[function].decorator_list if isinstance(d, ast.Call))
    name, proves = (ast.literal_eval(argument) for argument in call.args)
    claims = (ast.literal_eval(k.value) for k in call.keywords if k.arg == "claim")
    return CheckEntry(name, proves, tuple(_paragraphs(found[function])), next(claims, ""))


def _paragraphs(function: ast.FunctionDef) -> Iterator[str]:
    """The docstring, of which each paragraph is a line, and code is in single backticks."""
    for paragraph in (ast.get_docstring(function) or "").split("\n\n"):
        if text := " ".join(paragraph.split()):
            yield text
