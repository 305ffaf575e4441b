"""From a spec's name or file to a validated spec, its parents merged in."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from adaptergen.errors import Diagnostic, Failure, closest, did_you_mean, shown_path
from adaptergen.spec.extends import inheritable, merge
from adaptergen.spec.files import find_parent, read_bytes, same_file, spec_files, spec_name
from adaptergen.spec.model import Spec
from adaptergen.spec.tree import Node, parse
from adaptergen.spec.versions import named_places, replaced
from adaptergen.spec.walk import TAGS, fields_of, follow, tag_of

_MAX_PARENTS = 20


@dataclass(frozen=True)
class LoadedSpec:
    """A spec, the file it came from, and its parents' files, nearest first."""

    name: str
    path: str
    parents: tuple[str, ...]
    spec: Spec
    tree: Node

    def entries(self, *path: str) -> dict[str, Node]:
        """What the mapping at a path of keys holds, with its places; empty where there is none."""
        node: Node | None = self.tree
        for key in path:
            node = node.value.get(key) if node and isinstance(node.value, dict) else None
        return node.value if node and isinstance(node.value, dict) else {}

    def location(self, claim: str) -> str:
        """Where the file, or the parent that it has a claim from, makes it: `file:line:column`.

        The file alone where neither says anything of it.
        """
        path, node = _descend(self.tree, [int(k) if k.isdigit() else k for k in claim.split(".")])
        if not path:
            return shown_path(self.path)
        found = Diagnostic(node.file, node.line, node.column, "").location
        return found if node.file == self.path else f"{found}, inherited"


@dataclass
class Loader:
    """Loads specs; `folders` is where parents are looked for, in order. Files are read once."""

    folders: Sequence[str]
    _trees: dict[str, Node] = field(default_factory=dict)

    def load(self, path: str) -> LoadedSpec:
        """Load the spec in `path`.

        Raises:
            Failure: with every mistake in the file, and in what it inherits.
        """
        tree, parents = self._resolve(path, ())
        return LoadedSpec(spec_name(path), path, parents, validate(tree), tree)

    def load_all(self, paths: Iterable[str]) -> Iterator[LoadedSpec]:
        """Load several specs one by one, so that no more than one need be held in memory.

        Raises:
            Failure: at the end, with the mistakes of all of them.
        """
        mistakes: list[Diagnostic] = []
        for path in paths:
            try:
                loaded = self.load(path)
            except Failure as error:
                mistakes += error.diagnostics
                continue
            yield loaded
        if mistakes:
            raise Failure(mistakes)

    def _resolve(self, path: str, children: tuple[str, ...]) -> tuple[Node, tuple[str, ...]]:
        tree = self._tree(path)
        assert isinstance(tree.value, dict)
        entry = tree.value.get("extends")
        if entry is None:
            return tree, ()
        parent = self._find_parent(entry, path, (*children, path))
        inherited, grandparents = self._resolve(parent, (*children, path))
        own = Node(
            {k: v for k, v in tree.value.items() if k != "extends"}, path, tree.line, tree.column
        )
        return merge(inheritable(inherited), own), (parent, *grandparents)

    def _tree(self, path: str) -> Node:
        if path not in self._trees:
            self._trees[path] = parse(path, read_bytes(path))
        return self._trees[path]

    def _find_parent(self, entry: Node, path: str, chain: tuple[str, ...]) -> str:
        name = entry.value
        if not isinstance(name, str) or not name.isidentifier():
            raise Failure(
                [diagnostic_at(entry, "'extends': expected the name of a spec, such as llama")]
            )
        found = find_parent(name, path, self.folders)
        if found is None:
            known = {spec_name(f) for folder in self.folders for f in spec_files(folder)}
            known.discard(spec_name(path))
            other = "other " if name == spec_name(path) else ""
            message = f"'extends': no {other}spec is called '{name}'"
            hint = did_you_mean(name, known) or "`adaptergen list` shows those that can be extended"
            raise Failure([diagnostic_at(entry, message, hint)])
        if any(same_file(found, child) for child in chain):
            names = [spec_name(p) for p in (*chain, found)]
            message = f"'extends': specs extend each other in a circle: {' -> '.join(names)}"
            raise Failure([diagnostic_at(entry, message)])
        if len(chain) > _MAX_PARENTS:
            raise Failure([diagnostic_at(entry, f"'extends': more than {_MAX_PARENTS} parents")])
        return found


def validate(tree: Node) -> Spec:
    """The spec that a merged tree describes.

    Raises:
        Failure: with every mistake, each at the key or value that is wrong.
    """
    try:
        spec = Spec.model_validate(tree.plain())
    except ValidationError as error:
        errors = [_at_tag(dict(e)) for e in error.errors(include_url=False)]
    else:
        _refuse_versions(tree, spec)
        return spec
    # Of a facet whose kind is wrong, nothing else can be said.
    wrong = [e["loc"] for e in errors if e["type"] == "literal_error" and e["loc"][-1] in TAGS]
    raise Failure(
        _diagnose(tree, e)
        for e in errors
        if e["loc"] in wrong or not any(e["loc"][: len(loc) - 1] == loc[:-1] for loc in wrong)
    )


def _refuse_versions(tree: Node, spec: Spec) -> None:
    """Refuse versions that differ in anything else than where modules are.

    Raises:
        Failure: with every mistake.
    """
    places = named_places(spec)
    mistakes: list[Diagnostic] = []
    for number, values in enumerate(spec.versions):
        node = _descend(tree, ["versions", number])[1]
        found = [_mistake_of(node, number, spec, claim) for claim in values]
        mistakes += filter(None, found)
        if not any(found) and not places.keys() & values.keys():
            message = f"'versions.{number}' names no module, by which it could be told from others"
            mistakes.append(diagnostic_at(node, message))
    if mistakes:
        raise Failure(mistakes)


def _mistake_of(version: Node, number: int, spec: Spec, claim: str) -> Diagnostic | None:
    """What is wrong with one key of a version, if anything is."""
    places, dotted = named_places(spec), f"versions.{number}.{claim}"
    entry = _descend(version, [claim])[1]
    if claim not in places and claim.rpartition(".")[2] != "opaque":
        hint = did_you_mean(claim, places) or "allowed: keys that name a module, and opaque"
        return diagnostic_at(entry, f"unknown key '{dotted}'", hint, key=True)
    try:
        replaced(spec, {claim: spec.versions[number][claim]})
    except ValidationError as error:
        return diagnostic_at(entry, f"'{dotted}': {_message(dict(error.errors()[0]))}")
    return None


def _at_tag(error: dict[str, Any]) -> dict[str, Any]:
    """The error at the key of a tag, where pydantic accuses the facet: no class has this tag."""
    kinds = {"union_tag_invalid": "literal_error", "union_tag_not_found": "missing"}
    if error["type"] not in kinds:
        return error
    ctx = error["ctx"]
    key = ctx["discriminator"].strip("'")
    found = {"type": kinds[error["type"]], "loc": (*error["loc"], key)}
    return {**error, **found, "ctx": {"expected": ctx.get("expected_tags", "")}}


def diagnostic_at(node: Node, message: str, hint: str = "", *, key: bool = False) -> Diagnostic:
    """A diagnostic at a node, or at the key it belongs to, with the line it stands on.

    Raises:
        Failure: if the node's file cannot be read any more.
    """
    at_key = key and node.key_line
    line, column = (node.key_line, node.key_column) if at_key else (node.line, node.column)
    lines = read_bytes(node.file).decode("utf-8-sig", "replace").splitlines()
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    return Diagnostic(node.file, line, column, message, hint, source)


def _diagnose(tree: Node, error: dict[str, Any]) -> Diagnostic:
    loc = error["loc"]
    path, node = _descend(tree, follow(Spec, loc)[0])
    dotted = ".".join(map(str, path))
    if error["type"] == "extra_forbidden":
        known = [str(key) for key in _fields_at(loc[:-1])]
        hint = did_you_mean(str(loc[-1]), known) or f"allowed: {', '.join(known)}"
        return diagnostic_at(node, f"unknown key '{dotted}'", hint, key=True)
    if error["type"] == "missing":
        field = _fields_at(loc[:-1])[loc[-1]]
        missing = ".".join(map(str, [*path, loc[-1]]))
        tags = ", ".join(tag_of(facet) for facet in follow(Spec, loc[:-1])[1])
        hint = field.description or f"allowed: {tags}"
        return diagnostic_at(node, f"missing key '{missing}'", hint, key=True)
    wrong_key = loc[-1] == "[key]"
    return diagnostic_at(
        node, f"'{dotted}': {_message(error)}", _suggestion(node, error), key=wrong_key
    )


def _fields_at(loc: tuple[str | int, ...]) -> dict[str | int, FieldInfo]:
    classes = follow(Spec, loc)[1]
    own = {key: field for facet in classes for key, field in fields_of(facet).items()}
    return own if loc else {**own, "extends": FieldInfo()}


def _message(error: dict[str, Any]) -> str:
    """What is wrong with a value, in the language's words rather than pydantic's."""
    ctx = error.get("ctx") or {}
    expected = {
        "literal_error": f"expected {ctx.get('expected')}",
        "bool_type": "expected true or false",
        "string_type": "expected text",
        "list_type": "expected a list",
        "dict_type": "expected a mapping of keys to values",
        "float_type": "expected a number",
        "greater_than": f"expected a number above {ctx.get('gt'):g}" if "gt" in ctx else "",
        "too_short": "expected a list that is not empty",
        "model_type": "expected a mapping of keys to values",
        "model_attributes_type": "expected a mapping of keys to values",
    }
    return expected.get(str(error["type"]), str(error["msg"]))


def _suggestion(node: Node, error: dict[str, Any]) -> str:
    """The allowed word or key that is nearly the one given."""
    if error["type"] not in ("literal_error", "choice"):
        return ""
    ctx = error["ctx"]
    allowed = re.split(", | or ", str(ctx.get("allowed") or ctx["expected"]))
    written = {part.strip("'{}:. "): part.strip("'") for part in allowed}
    given = next(iter(node.value), "") if isinstance(node.value, dict) else node.value
    match = closest(given, written) if isinstance(given, str) else ""
    return f"did you mean '{written[match]}'?" if match else ""


def _descend(tree: Node, keys: Sequence[str | int]) -> tuple[list[str | int], Node]:
    """The node that keys lead to, and the keys that were there to follow."""
    path: list[str | int] = []
    node = tree
    for part in keys:
        if isinstance(node.value, dict) and part in node.value:
            node = node.value[str(part)]
        elif isinstance(node.value, list) and isinstance(part, int):
            node = node.value[part]
        else:
            break
        path.append(part)
    return path, node
