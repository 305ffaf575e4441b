"""Mistakes in a spec, each at the key or value that makes it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from os import stat
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from adaptergen.errors import MOST, Diagnostic, Failure, capped, closest, did_you_mean
from adaptergen.language.facet import TAGS, Choice, tag_of
from adaptergen.language.files import read_bytes
from adaptergen.language.tree import Node
from adaptergen.language.walk import classes_of, fields_of, follow
from adaptergen.spec.extends import IDENTITY
from adaptergen.spec.leaves import Leaf
from adaptergen.spec.model import Spec
from adaptergen.spec.versions import named_places, replaced

# Lists in these may have an entry several times.
_REPEATING = ("tiny", "defaults", "returns")


def validate(tree: Node) -> Spec:
    """The spec that a merged tree describes.

    Raises:
        Failure: with every mistake, each at the key or value that is wrong; of very many the first.
    """
    try:
        spec = Spec.model_validate(tree.plain())
    except ValidationError as error:
        raise Failure(_diagnosed(tree, _errors(error))) from None
    if mistakes := [*_in_hatch(tree, spec), *_in_versions(tree, spec), *_repeated(tree)]:
        raise Failure(capped(mistakes))
    return spec


def mistakes_alone(tree: Node) -> list[Diagnostic]:
    """Mistakes in a spec that no parent could mend: keys that it may inherit are left out."""
    own = tree._replace(value={k: node for k, node in tree.entries.items() if k != "extends"})
    try:
        Spec.model_validate(own.plain())
    except ValidationError as error:
        # What a spec is called is never inherited.
        own_only = {(key,) for key in IDENTITY}
        errors = [e for e in _errors(error) if e["type"] != "missing" or e["loc"] in own_only]
        return _diagnosed(own, errors)
    return []


def _errors(error: ValidationError) -> list[dict[str, Any]]:
    """Errors that pydantic found; of a facet whose kind is wrong, nothing else can be said."""
    found = [_at_tag(dict(e)) for e in error.errors(include_url=False, include_input=False)]
    wrong = {e["loc"] for e in found if e["type"] == "literal_error" and e["loc"][-1] in TAGS}
    facets = {loc[:-1] for loc in wrong}
    return [e for e in found if e["loc"] in wrong or not facets.intersection(_above(e["loc"]))]


def _above(loc: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """The places that a place is in, itself too."""
    return (loc[:end] for end in range(len(loc) + 1))


def _diagnosed(tree: Node, errors: Sequence[dict[str, Any]]) -> list[Diagnostic]:
    """Errors in the order of the file; of very many, only the first are put into words."""
    placed = [(*descend(tree, follow(Spec, e["loc"])[0]), e) for e in errors]
    placed.sort(key=lambda found: (found[1].file, found[1].line, found[1].column))
    said = [_diagnose(path, node, error) for path, node, error in placed[:MOST]]
    return capped(said, len(placed))


def _in_hatch(tree: Node, spec: Spec) -> Iterator[Diagnostic]:
    """Names of hand-written parts that nothing can have, or two things would."""
    for part, message in (spec.hatch.mistakes() if spec.hatch else {}).items():
        hint = "rename it where it is written"
        yield diagnostic_at(descend(tree, ["hatch", part])[1], f"'hatch.{part}': {message}", hint)


def _in_versions(tree: Node, spec: Spec) -> Iterator[Diagnostic]:
    """Versions that differ in anything else than where modules are."""
    places = named_places(spec) if spec.versions else {}
    for number, values in enumerate(spec.versions):
        node = descend(tree, ["versions", number])[1]
        found = [_mistake_of(node, number, spec, places, claim) for claim in values]
        yield from filter(None, found)
        if not any(found) and not places.keys() & values.keys():
            message = f"'versions.{number}' names no module, by which it could be told from others"
            yield diagnostic_at(node, message)


def _mistake_of(
    version: Node, number: int, spec: Spec, places: Mapping[str, Leaf], claim: str
) -> Diagnostic | None:
    """The mistake in one key of a version, if there is one."""
    dotted = f"versions.{number}.{claim}"
    entry = descend(version, [claim])[1]
    hint = did_you_mean(claim, places) or "allowed: keys that name a module, and opaque"
    unknown = diagnostic_at(entry, f"unknown key '{dotted}'", hint, key=True)
    if claim not in places and claim.rpartition(".")[2] != "opaque":
        return unknown
    try:
        replaced(spec, {claim: spec.versions[number][claim]})
    except KeyError:
        return unknown
    except ValidationError as error:
        return diagnostic_at(entry, f"'{dotted}': {_message(dict(error.errors()[0]))}")
    return None


def _repeated(tree: Node, path: tuple[str, ...] = ()) -> Iterator[Diagnostic]:
    """Entries of lists that say again what one before them says, and count for nothing."""
    for key, node in tree.entries.items():
        if isinstance(node.value, dict) and key not in _REPEATING:
            yield from _repeated(node, (*path, key))
        elif isinstance(node.value, list) and key not in _REPEATING:
            yield from _repeated_in(node.value, ".".join((*path, key)))


def _repeated_in(entries: list[Node], path: str) -> Iterator[Diagnostic]:
    first: dict[str, Node] = {}
    for number, entry in enumerate(entries):
        named = entry.entries.get("when", entry)
        found = first.setdefault(repr(named.plain()), named)
        if found is not named:
            place = Diagnostic(found.file, found.line, found.column, "").location
            message = f"'{path}.{number}' is what stands at {place} already"
            yield diagnostic_at(named, message, "remove one of them: only the first counts")


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
    lines = _lines_of(node.file)
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    return Diagnostic(node.file, line, column, message, hint, source)


def _lines_of(path: str) -> list[str]:
    """The lines of a file, read once for all of its mistakes."""
    with suppress(OSError):
        found = stat(path)
        return _read_lines(path, found.st_mtime_ns, found.st_size)
    return []


@lru_cache(maxsize=4)
def _read_lines(path: str, *_: int) -> list[str]:
    return read_bytes(path).decode("utf-8-sig", "replace").splitlines()


def _diagnose(path: Sequence[str | int], node: Node, error: dict[str, Any]) -> Diagnostic:
    loc = error["loc"]
    dotted = ".".join(map(str, path))
    if error["type"] == "extra_forbidden":
        if other := _other_word(loc):
            choice = ".".join(map(str, path[:-1]))
            message = f"'{choice}': either '{other}' or '{loc[-1]}', not both"
            return diagnostic_at(node, message, _explained(path[:-1]), key=True)
        known = [str(key) for key in _fields_at(loc[:-1])]
        hint = did_you_mean(str(loc[-1]), known) or f"allowed: {', '.join(known)}"
        return diagnostic_at(node, f"unknown key '{dotted}'", hint, key=True)
    if error["type"] == "missing":
        field = _fields_at(loc[:-1])[loc[-1]]
        missing = ".".join(map(str, [*path, loc[-1]]))
        tags = ", ".join(tag_of(facet) for facet in follow(Spec, loc[:-1])[1])
        hint = field.description or f"allowed: {tags}"
        if node.replaces:
            hint += f" (nothing is inherited from the parent's `{node.replaces}`)"
        return diagnostic_at(node, f"missing key '{missing}'", hint, key=True)
    if loc[-1] == "[key]":
        return diagnostic_at(node, f"'{dotted}': {_message(error)}", key=True)
    # A value may stand for those of several keys, as one bias does.
    own = _fields_at(loc[:-1]).get(loc[-1]) if [*path[-1:]] == [loc[-1]] else None
    message = f"'{dotted}': {_message(error, own)}"
    return diagnostic_at(node, message, _suggestion(node, error) or _hint(path, error, own))


def _other_word(loc: tuple[str | int, ...]) -> str:
    """The word of a choice that a file gives beside another word of it."""
    chosen = [cls for cls in follow(Spec, loc[:-1])[1] if issubclass(cls, Choice)]
    others = [tag_of(cls) for cls in follow(Spec, loc[:-2])[1]] if chosen else []
    return chosen[0].word if chosen and loc[-1] in others else ""


def _hint(path: Sequence[str | int], error: dict[str, Any], field: FieldInfo | None) -> str:
    """Where the words that are allowed are explained, or what the key means."""
    if error["type"] in ("literal_error", "choice"):
        return _explained(path)
    kinds = [cls for cls in classes_of(field.annotation) if tag_of(cls)] if field else []
    if len(kinds) > 1:
        (tag,) = {tag for tag in TAGS for cls in kinds if tag in cls.model_fields}
        return f"with a `{tag}`: {', '.join(map(tag_of, kinds))}; {_explained(path)}"
    return (field.description or "") if field else ""


def _explained(path: Sequence[str | int]) -> str:
    """How to learn what may be written at a place; in a list, at any place of it."""
    last = max((n + 1 for n, key in enumerate(path) if isinstance(key, int)), default=0)
    return f"`adaptergen explain {'.'.join(map(str, path[last:]))}` says what each means"


def _fields_at(loc: tuple[str | int, ...]) -> dict[str | int, FieldInfo]:
    classes = follow(Spec, loc)[1]
    own = {key: field for facet in classes for key, field in fields_of(facet).items()}
    return own if loc else {**own, "extends": FieldInfo()}


def _message(error: dict[str, Any], field: FieldInfo | None = None) -> str:
    """The mistake in a value, in the language's words rather than pydantic's."""
    ctx = error.get("ctx") or {}
    if error["type"] == "string_type" and field is not None:
        # Specs without mistakes need no reference of the language.
        from adaptergen.spec.reference import expected_of

        return f"expected {expected_of(field)}"
    expected = {
        "literal_error": f"expected {ctx.get('expected')}",
        "bool_type": "expected true or false",
        "string_type": "expected text",
        "list_type": "expected a list",
        "dict_type": "expected a mapping of keys to values",
        "float_type": "expected a number",
        "greater_than": f"expected a number above {ctx.get('gt'):g}" if "gt" in ctx else "",
        "too_short": "expected a list that is not empty",
        "too_long": f"expected a list of at most {ctx.get('max_length')}",
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


def descend(tree: Node, keys: Sequence[str | int]) -> tuple[list[str | int], Node]:
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
