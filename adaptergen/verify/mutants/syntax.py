"""The syntax tree of a generated adapter: what is where in it, and changes that mend themselves."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias, cast

# What makes wrong modules yields: a name and a description of each, while the tree is broken.
Wrong: TypeAlias = Iterator[tuple[str, str]]


class Entry(NamedTuple):
    """One component of the mapping: its dotted name, the call that makes it, its siblings."""

    name: str
    call: ast.Call
    siblings: ast.Dict
    place: int

    @property
    def bridge(self) -> str:
        """The class that is called."""
        return ast.unparse(self.call.func)

    def keyword(self, name: str) -> ast.keyword | None:
        """An argument of the call, if it is given."""
        return next((k for k in self.call.keywords if k.arg == name), None)


@contextmanager
def without(items: list[Any], index: int) -> Iterator[None]:
    """While active, a list lacks an item; a body that would be empty passes."""
    item = items.pop(index)
    empty = not items and isinstance(item, ast.stmt)
    items += [ast.Pass()] if empty else []
    yield
    if empty:
        items.clear()
    items.insert(index, item)


@contextmanager
def with_item(items: list[Any], index: int, item: Any) -> Iterator[None]:
    """While active, a list has one item more."""
    items.insert(index, item)
    yield
    del items[index]


@contextmanager
def changed(node: Any, attribute: str, value: object) -> Iterator[None]:
    """While active, an attribute has another value."""
    before = getattr(node, attribute)
    setattr(node, attribute, value)
    yield
    setattr(node, attribute, before)


def word(key: ast.expr | None) -> str:
    """The text of a key that stands in the module."""
    return cast("str", cast("ast.Constant", key).value)


def entries(tree: ast.Module) -> list[Entry]:
    """Every component of the mapping, parents before their parts; norms of layouts last."""
    found = list(_below("", assigned(tree, "self.component_mapping")))
    for number, body in enumerate(layouts(tree)):
        for statement in body:
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
                found += _below(f"layouts.{number}.", statement.value)
    return found


def _below(prefix: str, components: ast.Dict) -> Iterator[Entry]:
    for index, (key, call) in enumerate(zip(components.keys, components.values, strict=True)):
        if key is None or not isinstance(call, ast.Call):
            # The norms of a layout, unpacked.
            continue
        entry = Entry(f"{prefix}{word(key)}", call, components, index)
        yield entry
        parts = entry.keyword("submodules")
        if parts and isinstance(parts.value, ast.Dict):
            yield from _below(f"{entry.name}.", parts.value)


def conversions(found: ast.Dict) -> Iterator[tuple[str, int]]:
    """Short name and index of each conversion, such as `attn.q.weight`."""
    for index, key in enumerate(found.keys):
        yield word(key).removeprefix("blocks.{i}."), index


def flags(tree: ast.Module) -> Iterator[tuple[list[ast.stmt], int, str, ast.Constant]]:
    """Where each flag of the config is set, its name and its value; those of layouts last."""
    bodies = [("", node.body) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    bodies += [(f"layouts.{number}.", body) for number, body in enumerate(layouts(tree))]
    for prefix, body in bodies:
        for index, statement in enumerate(body):
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
                target = ast.unparse(statement.targets[0])
                if target.startswith("self.cfg."):
                    flag = target.removeprefix("self.cfg.")
                    yield body, index, f"{prefix}{flag}", statement.value


def defaults(tree: ast.Module) -> ast.Dict:
    """Defaults of HF's config keys, where the module has them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "defaults":
            return cast("ast.Dict", node.value)
    return ast.Dict([], [])


def layouts(tree: ast.AST) -> list[list[ast.stmt]]:
    """Statements of each layout that a config key decides, in the order of the module."""
    branches = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    bodies = [body for node in branches for body in (node.body, node.orelse)]
    return [body for body in bodies if any(is_block_bridge(one) for one in body)]


def is_block_bridge(statement: ast.stmt) -> bool:
    """Whether a statement says which bridge wraps the blocks of a layout."""
    assigns = isinstance(statement, ast.Assign)
    return assigns and ast.unparse(statement).startswith("block_bridge = ")


def effect_of(statement: ast.stmt) -> str:
    """The target that a statement sets or calls beyond local names; empty for others."""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute):
        return ast.unparse(statement.targets[0])
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return ast.unparse(statement.value.func)
    return ""


def assigned(tree: ast.Module, target: str) -> ast.Dict:
    """The dictionary assigned to a target."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == target:
            return cast("ast.Dict", node.value)
    return ast.Dict([], [])


def classes(tree: ast.Module) -> list[ast.ClassDef]:
    """The classes of a module."""
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def name_of(statement: ast.stmt) -> str:
    """The name that a statement of a class body defines; nothing for a docstring."""
    if isinstance(statement, ast.Assign):
        return ast.unparse(statement.targets[0])
    return statement.name if isinstance(statement, ast.FunctionDef) else ""
