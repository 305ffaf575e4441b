"""A spec as a variant of another, and the parent that leaves it the least to say."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adaptergen.language.bias import Biases
from adaptergen.language.facet import Choice, Facet
from adaptergen.language.tree import Node
from adaptergen.language.walk import key_of
from adaptergen.language.written import same, written
from adaptergen.spec.extends import IDENTITY, inheritable, merge
from adaptergen.spec.load import LoadedSpec
from adaptergen.spec.mistakes import validate
from adaptergen.spec.model import Spec
from adaptergen.spec.versions import named_places

# What files say before `extends`.
_FIRST = ("architecture", "aliases")
# A reader looks for what the architecture is; these follow from it.
_FOLLOWS = ("tiny", "verification")


class InexpressibleError(Exception):
    """No child of a parent is the target: what `tiny` holds inside a value cannot be taken out."""


@dataclass(frozen=True)
class Parent:
    """A spec to extend, None for none, and what is then left to say."""

    loaded: LoadedSpec | None
    child: dict[str, Any]

    @property
    def name(self) -> str:
        """The parent's name, empty for none."""
        return self.loaded.name if self.loaded else ""

    @property
    def size(self) -> int:
        """How many values the child has that say what the architecture is."""
        other = (*IDENTITY, "extends", *_FOLLOWS)
        said = (value for key, value in self.child.items() if key not in other)
        return sum(1 for value in said for _ in _leaves(value))

    @property
    def rank(self) -> tuple[int, int, str]:
        """The order of parents: what there is to read, each file for one value; then the rest."""
        files = len(self.loaded.parents) if self.loaded else 0
        follows = sum(1 for key in _FOLLOWS for _ in _leaves(self.child.get(key, {})))
        return self.size + files, follows, self.name


def nearest(target: Mapping[str, Any], parents: Iterable[LoadedSpec]) -> list[Parent]:
    """The parents that a spec can have, none among them, the one that says most of it first.

    Raises:
        pydantic.ValidationError: if the target is no spec.
    """
    found = [Parent(None, written(Spec.model_validate(target)))]
    for loaded in parents:
        try:
            found.append(Parent(loaded, child_of(loaded, target)))
        except InexpressibleError:
            continue
    return sorted(found, key=lambda parent: parent.rank)


def child_of(parent: LoadedSpec, target: Mapping[str, Any]) -> dict[str, Any]:
    """The least that a child of this parent has to say to be the target, a whole spec.

    What the parent says of mutants that behave alike, of variants that are known to be wrong, and
    of other versions of transformers remains inherited: it does no harm where it does not apply.

    Raises:
        InexpressibleError: if no child is the target.
        pydantic.ValidationError: if the target is no spec.
    """
    spec = _with_what_may_remain(Spec.model_validate(target), parent.spec)
    said = {key: value for key, value in written(spec).items() if key in IDENTITY}
    first = {key: said.pop(key) for key in _FIRST if key in said}
    varied = _varied(parent.spec, spec, parent.tree)
    child = {**first, "extends": parent.name, **said, **varied}
    if resolved(parent, child) != spec:
        raise InexpressibleError(f"no child of {parent.name} is {spec.architecture}")
    return child


def resolved(parent: LoadedSpec, child: Mapping[str, Any]) -> Spec:
    """The spec that a child of a parent is.

    Raises:
        Failure: if it is none.
    """
    own = {key: value for key, value in child.items() if key != "extends"}
    return validate(merge(inheritable(parent.tree), _node(own)))


def _node(value: Any) -> Node:
    """A plain value as a tree; it stands nowhere."""
    if isinstance(value, Mapping):
        value = {key: _node(inner) for key, inner in value.items()}
    elif isinstance(value, list):
        value = [_node(item) for item in value]
    return Node(value, "", 0, 0)


def _with_what_may_remain(spec: Spec, parent: Spec) -> Spec:
    own, theirs = spec.verification, parent.verification
    both = {
        "equivalent": {**theirs.equivalent, **own.equivalent},
        "limits": {**theirs.limits, **own.limits},
        "older": {**theirs.older, **own.older},
    }
    places = named_places(spec)
    fits = all(key in places for values in parent.versions for key in values)
    versions = spec.versions or (parent.versions if fits else [])
    verification = own.model_copy(update=both)
    return spec.model_copy(update={"verification": verification, "versions": versions})


def _varied(parent: Facet, target: Facet, tree: Node) -> dict[str, Any]:
    """The part of a facet that differs from a parent's of the same class, identity left out."""
    child: dict[str, Any] = {}
    for name, field in type(target).model_fields.items():
        key, theirs, own = key_of(name, field), getattr(parent, name), getattr(target, name)
        if own != theirs and not (isinstance(target, Spec) and name in IDENTITY):
            child[key] = _change(theirs, own, _below(tree, key))
    return child


def _change(theirs: object, own: object, tree: Node) -> Any:
    """The value to write so that merging turns a parent's value into another."""
    if isinstance(own, Biases):
        # A child gives one of several only where its parent gives several.
        whole = written(own)
        apart = isinstance(whole, dict) and isinstance(tree.value, dict)
        return _varied(theirs, own, tree) if apart and isinstance(theirs, Biases) else whole
    if isinstance(own, Facet) and isinstance(theirs, type(own)) and not isinstance(own, Choice):
        return _varied(theirs, own, tree)
    if isinstance(own, dict) and isinstance(theirs, dict):
        return _entries(theirs, own, tree)
    return written(own)


def _entries(theirs: Mapping[str, Any], own: Mapping[str, Any], tree: Node) -> dict[str, Any]:
    """Entries of a mapping of free keys; null takes one out."""
    changed = {
        key: _change(theirs.get(key), value, _below(tree, key))
        for key, value in own.items()
        if key not in theirs or not same(written(theirs[key]), written(value))
    }
    return {**changed, **{key: None for key in theirs if key not in own}}


def _below(tree: Node, key: str) -> Node:
    """The node under a key; one that holds null where there is none."""
    return tree.entries.get(key) or Node(None, tree.file, 0, 0)


def _leaves(value: object) -> Iterator[object]:
    """The values in a mapping that are no mappings."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    else:
        yield value
