"""`adaptergen show`: a spec with its parents merged in, and where each value came from."""

import json
import re
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from adaptergen.errors import shown_path
from adaptergen.language.tree import Node
from adaptergen.selection import project_of, select_spec
from adaptergen.spec.load import LoadedSpec, Loader
from adaptergen.spec.model import Spec

_COLUMN = 40
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_. ]*[A-Za-z0-9_.]|[A-Za-z]")
_CONSTANTS = ("true", "false", "null", "yes", "no", "on", "off")


def run(arguments: Namespace) -> int:
    """Print the spec as YAML, each value with its file and line."""
    project = project_of([arguments.spec])
    loaded = Loader(project.spec_folders()).load(select_spec(project, arguments.spec))
    if arguments.format == "json":
        print(json.dumps(_tree(loaded), indent=2, ensure_ascii=False))
        return 0
    for text, origin in [*_lines(_ordered(loaded.tree)), *_derived(loaded.spec)]:
        print(f"{text:<{_COLUMN}}  # {origin}" if origin else text)
    return 0


def _tree(loaded: LoadedSpec) -> dict[str, Any]:
    """The spec for programs, and for each value the file and the line that it is from."""
    tree = _ordered(loaded.tree)
    return {
        "name": loaded.name,
        "file": shown_path(loaded.path),
        "parents": [shown_path(path) for path in loaded.parents],
        "spec": tree.plain(),
        "origins": dict(_origins(tree)),
    }


def _origins(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    if node.entries:
        for key, child in node.entries.items():
            yield from _origins(child, f"{path}.{key}" if path else key)
    else:
        yield path, f"{shown_path(node.file)}:{node.line}"


def _ordered(tree: Node) -> Node:
    """The tree with its keys in the order of the language, identity first."""
    keys = [key for key in Spec.model_fields if key in tree.entries]
    return tree._replace(value={key: tree.entries[key] for key in keys})


def _lines(node: Node, indent: str = "") -> Iterator[tuple[str, str]]:
    """Lines of YAML for a mapping, each with where its value stands."""
    for key, child in node.entries.items():
        if child.entries:
            yield f"{indent}{key}:", ""
            yield from _lines(child, indent + "  ")
        else:
            origin = f"{shown_path(child.file)}:{child.line}"
            yield f"{indent}{key}: {_inline(child.plain())}", origin


def _inline(value: object) -> str:
    """A value on one line; JSON's scalars and lists are YAML's, and cannot be misread."""
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _CONSTANTS
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


def _derived(spec: Spec) -> Iterator[tuple[str, str]]:
    """The keys of a spec's identity that were left out, with the values they then have."""
    values = {"model_type": spec.hf_model_type, "class_prefix": spec.prefix, "title": spec.name}
    for key, value in values.items():
        if getattr(spec, key) is None:
            yield f"{key}: {value}", "derived"
