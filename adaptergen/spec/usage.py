"""Use of the language by specs: which of them use a key, and an example of it from one."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from pydantic.fields import FieldInfo

from adaptergen.language.facet import TAGS, Choice, Facet, tag_of
from adaptergen.language.tree import Node
from adaptergen.language.walk import key_of
from adaptergen.spec.load import LoadedSpec
from adaptergen.spec.reference import ANY, Entry, arguments, entries, keys_of

Keys: TypeAlias = tuple[str | int, ...]


class Example(NamedTuple):
    """A part of a spec's file: `tree` leads to a key, with the kinds of facets on the way.

    `spec` and `file` are empty where it was made up, since no spec has such a part.
    """

    spec: str
    file: str
    tree: dict[str, Any]

    def value(self, path: str) -> Any:
        """The node at the path of a key; None where there is nothing."""
        found: Any = self.tree
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return found


@dataclass
class _Used:
    """Where a spec gives each key, by its path in the reference, and where each word of it."""

    loaded: LoadedSpec
    given: dict[str, Keys] = field(default_factory=dict)
    said: dict[tuple[str, str], Keys] = field(default_factory=dict)

    def place(self, entry: Entry, word: str = "") -> Keys | None:
        """Where the spec, or a parent, gives a key or says a word; None where neither does."""
        if not all(any((u.facet, k) in self.said for k in u.kinds) for u in entry.under):
            return None
        return self.said.get((entry.path, word)) if word else self.given.get(entry.path)


class Usage:
    """How some specs use the language."""

    def __init__(self, specs: Iterable[LoadedSpec]) -> None:
        same = {entry.path: entry.like for entry in entries() if entry.like}
        self._specs = [_used(loaded, same) for loaded in specs]
        # The shortest file is the easiest to read the example in.
        self._specs.sort(key=lambda used: (os.path.getsize(used.loaded.path), used.loaded.name))

    def __len__(self) -> int:
        return len(self._specs)

    def of(self, entry: Entry, word: str = "") -> list[str]:
        """The specs that give a key something else than what counts without it, or a word."""
        return sorted(u.loaded.name for u in self._specs if u.place(entry, word) is not None)

    def saying(self, text: str) -> dict[str, list[str]]:
        """The keys that specs give a text as their value, or as a key in it, with these specs."""
        found: dict[str, list[str]] = {}
        for used in self._specs:
            for path, word in used.said:
                if word == text:
                    found.setdefault(path, []).append(used.loaded.name)
        return {path: sorted(names) for path, names in found.items()}

    def example(self, entry: Entry, word: str = "") -> Example | None:
        """The value of a key, or of a word of it, in the shortest file that writes it.

        Where none does, as with the bias of one projection, it is a value that stands for all.
        """
        found = list(self._parts(entry, word, whole=True))
        found += [] if word else self._parts(entry, word, whole=False)
        # Rather a mapping with all that it needs than a part of it that a parent completes.
        needed = {key.name for key in keys_of(entry, entries(), word) if key.required}
        complete = (e for e in found if entry.expected or _has(e.value(entry.path), needed))
        for example in (*complete, *found):
            return example
        return None if self.of(entry, word) else self._made_up(entry, word)

    def _parts(self, entry: Entry, word: str, whole: bool) -> Iterator[Example]:
        for used in self._specs:
            keys = used.place(entry, word)
            tree = _part(used.loaded, keys, bool(word), whole) if keys else None
            if tree:
                yield Example(used.loaded.name, used.loaded.path, tree)

    def _made_up(self, entry: Entry, word: str) -> Example | None:
        """An example from the samples of the language."""
        value = self._of_kind(entry, word) if word else self._sample(entry)
        if value is None:
            return None
        tree: Any = value
        *outer, last = entry.path.split(".")
        tree = {last: tree}
        for depth in range(len(outer), 0, -1):
            facet = ".".join(outer[:depth])
            chosen = next((u for u in entry.under if u.facet == facet), None)
            if chosen and chosen.tag:
                tree = {chosen.tag: chosen.kinds[0], **tree}
            tree = {outer[depth - 1]: tree}
        return Example("", "", tree)

    def _of_kind(self, entry: Entry, word: str) -> Any:
        """A facet of some kind with all that it needs; a word alone."""
        value = next(value for value in entry.values if value.word == word)
        if not entry.tag and value.written == word:
            return None if entry.expected.count("list") else word
        if value.sample is not None:
            return {word: value.sample}
        needed = [key for key in keys_of(entry, entries(), word) if key.required]
        values = {key.name: self._value(key) for key in needed}
        if None in values.values():
            return None
        return {entry.tag: word, **values} if entry.tag else {word: values}

    def _sample(self, entry: Entry) -> Any:
        """A sample of what a key may have; for a mapping, samples of the keys inside."""
        if entry.sample is not None:
            return entry.sample
        inside = {key.name: self._value(key) for key in keys_of(entry, entries()) if key.sample}
        return inside or None

    def _value(self, entry: Entry) -> Any:
        """The value that a spec gives a key, or may give it."""
        found = self.example(entry)
        return found.value(entry.path) if found else None


def _has(value: Any, keys: set[str]) -> bool:
    return isinstance(value, dict) and keys <= value.keys()


def _used(loaded: LoadedSpec, same: dict[str, str]) -> _Used:
    used = _Used(loaded)
    _note(used, loaded.spec, "", (), same)
    return used


def _note(used: _Used, facet: Facet, prefix: str, keys: Keys, same: dict[str, str]) -> None:
    for name, field_ in type(facet).model_fields.items():
        value = getattr(facet, name)
        if name in TAGS or value is None:
            continue
        path, at = f"{prefix}{key_of(name, field_)}", (*keys, key_of(name, field_))
        if field_.is_required() or value != field_.get_default():
            used.given.setdefault(path, at)
        if isinstance(value, dict):
            used.said.update(((path, key), (*at, key)) for key in value)
        for inner, place in _items(value, at):
            if isinstance(inner, Facet):
                told = same.get(path, path)
                used.said.setdefault((told, tag_of(type(inner))), place)
                for below, inside, further in _inside(inner, field_, path, told, value):
                    _note(used, below, f"{inside}.", (*place, *further), same)
            elif isinstance(inner, str):
                used.said.setdefault((path, inner), place)


def _items(value: Any, at: Keys) -> Iterator[tuple[Any, Keys]]:
    """A value, or what is in a list or under the free keys of a mapping, and where that is."""
    if isinstance(value, list):
        yield from ((item, (*at, number)) for number, item in enumerate(value))
    elif isinstance(value, dict):
        yield from ((item, (*at, key)) for key, item in value.items() if isinstance(item, Facet))
    else:
        yield value, at


def _inside(
    facet: Facet, field_: FieldInfo, path: str, told: str, value: Any
) -> Iterator[tuple[Facet, str, Keys]]:
    """The facet whose keys come next, the path that they are told of at, and the keys to it."""
    if not isinstance(facet, Choice):
        free = isinstance(value, dict) and told == path
        yield facet, f"{told}.{ANY}" if free else told, ()
    elif facet.word in (below := arguments(path, field_)):
        yield getattr(facet, facet.word), below[facet.word][1], (facet.word,)
    else:
        # Its argument, if it has one.
        yield facet, path, ()


def _part(loaded: LoadedSpec, keys: Keys, tagged: bool, whole: bool) -> dict[str, Any] | None:
    """Values of some keys in a spec's own file; if not `whole`, a value that stands above them."""
    node, depth = loaded.tree, 0
    nodes: list[Node] = []
    for key in keys:
        inner = _at(node, key)
        if inner is None:
            break
        nodes.append(node)
        node, depth = inner, depth + 1
    if whole != (depth == len(keys)) or (not whole and _is_mapping(node)):
        return None
    if tagged and not _says_kind(node, loaded.path):
        return None
    part = _own(node, loaded.path)
    if part is None:
        return None
    for outer, key in zip(reversed(nodes), reversed(keys[:depth]), strict=True):
        part = [part] if isinstance(key, int) else {**_tags(outer, loaded.path), str(key): part}
    return part if isinstance(part, dict) else None


def _at(node: Node, key: str | int) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(str(key))
    if isinstance(node.value, list) and isinstance(key, int):
        found: Node = node.value[key]
        return found
    return None


def _says_kind(node: Node, file: str) -> bool:
    """Whether a file says itself which kind a facet is of, where it has several."""
    tags = (_at(node, tag) for tag in TAGS)
    return all(tag.file == file for tag in tags if tag is not None)


def _is_mapping(node: Node) -> bool:
    return isinstance(node.value, dict)


def _tags(node: Node, file: str) -> dict[str, Any]:
    """The kind of a facet, if the file says it."""
    found = {tag: _at(node, tag) for tag in TAGS}
    return {tag: n.value for tag, n in found.items() if n is not None and n.file == file}


def _own(node: Node, file: str) -> Any:
    """A value without what is inherited; None where all of it is."""
    if not isinstance(node.value, dict):
        return node.plain() if node.file == file else None
    kept = {key: _own(inner, file) for key, inner in node.value.items()}
    return {key: inner for key, inner in kept.items() if inner is not None} or None
