"""`extends`: a variant is a few lines on its parent.

Mappings merge key by key; everything else in the child replaces the parent's value. So does a
choice (`{flag: use_rope}` on `all`) and a facet of another kind: their keys mean different things.
What a spec is called is never inherited.
"""

from adaptergen.language.facet import TAGS
from adaptergen.language.tree import Node
from adaptergen.language.walk import choice_paths
from adaptergen.spec.model import Spec

IDENTITY = (
    "architecture",
    "aliases",
    "model_type",
    "class_prefix",
    "title",
    "summary",
    "notes",
    "since",
)
_REPLACED = frozenset(choice_paths(Spec))


def merge(parent: Node, child: Node, path: tuple[str, ...] = ()) -> Node:
    """The child's tree laid over the parent's; every value keeps its own position."""
    if not isinstance(parent.value, dict) or not isinstance(child.value, dict) or path in _REPLACED:
        return child
    if replaced := _other_kind(parent.value, child.value):
        return child._replace(replaces=replaced)
    merged = dict(parent.value)
    for key, node in child.value.items():
        merged[key] = merge(merged[key], node, (*path, key)) if key in merged else node
    return child._replace(value=merged)


def _other_kind(parent: dict[str, Node], child: dict[str, Node]) -> str:
    """The parent's kind, if the child is of another."""
    for tag in TAGS:
        if tag in parent and tag in child and parent[tag].value != child[tag].value:
            return f"{tag}: {parent[tag].value}"
    return ""


def inheritable(parent: Node) -> Node:
    """A parent's tree without its identity."""
    kept = {key: node for key, node in parent.entries.items() if key not in (*IDENTITY, "extends")}
    return parent._replace(value=kept)
