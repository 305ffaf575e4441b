"""The reference of the spec language, derived from its models.

A key that several kinds of a facet have, and mean alike, is one entry that names these kinds. What
means something else under another kind is an entry of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import JsonValue
from pydantic.fields import FieldInfo

from adaptergen.language.bias import Biases
from adaptergen.language.facet import TAGS, Choice, Facet, Word, tag_of
from adaptergen.language.values import Denotes, Moved, is_plain_name
from adaptergen.language.walk import classes_of, key_of, values_of
from adaptergen.language.written import written
from adaptergen.spec.model import Spec
from adaptergen.spec.verification import KnownFailure

# Stands in a path for a key that the writer of a spec chooses, or for the word of a choice.
ANY = "*"


@dataclass(frozen=True)
class Value:
    """One way to write a key: the word that tells it from others, and how it stands in a file.

    `argument` says what is written behind a word that has one, `sample` is such an argument.
    """

    word: str
    written: str
    meaning: str = ""
    argument: str = ""
    sample: Any = None


@dataclass(frozen=True)
class Under:
    """A facet of several kinds, and those of them under which a key stands."""

    facet: str
    tag: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """A key of the language.

    `values` are the ways to write it, none where `expected` says what a value looks like. `tag` is
    the key by which its kinds are told apart. `default` is what counts where it is left out, as a
    file would have it; None where it must be there, or where that is nothing. `like` is the path of
    a key that holds the same, whose entries say what is inside. `sample` is a value for keys that
    no spec gives one.
    """

    path: str
    meaning: str
    about: str = ""
    expected: str = ""
    values: tuple[Value, ...] = ()
    tag: str = ""
    required: bool = False
    default: Any = None
    under: tuple[Under, ...] = ()
    like: str = ""
    sample: Any = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def has_alternatives(self) -> bool:
        """Whether its values are explained one by one, rather than all in its own meaning."""
        return any(value.meaning for value in self.values)


@cache
def entries() -> tuple[Entry, ...]:
    """Every key of the language, in the order of a spec."""
    found: dict[tuple[object, ...], Entry] = {}
    for entry in _entries(Spec, "", (), {}):
        same = (entry.path, entry.meaning, entry.expected, entry.values, repr(entry.default))
        other = found.get(same)
        found[same] = _merged(other, entry) if other else entry
    return tuple(replace(e, under=_narrowing(e.under, found.values())) for e in found.values())


def keys_of(entry: Entry, every: Sequence[Entry], kind: str = "") -> list[Entry]:
    """The keys directly inside a key; with a kind or a word, those that this one has."""
    path = entry.like or entry.path
    outer = {under.facet: under.kinds for under in entry.under}
    if kind:
        outer[path] = (kind,)
    inside = (other for other in every if _is_directly_in(other.path, path, kind))
    return [
        other
        for other in inside
        if all(set(u.kinds) & set(outer.get(u.facet, u.kinds)) for u in other.under)
    ]


def _is_directly_in(path: str, outer: str, kind: str) -> bool:
    if not path.startswith(f"{outer}."):
        return False
    rest = path.removeprefix(f"{outer}.").split(".")
    return len(rest) == 1 or (len(rest) == 2 and rest[0] in (ANY, kind))


def arguments(path: str, field: FieldInfo) -> dict[str, tuple[type[Facet], str]]:
    """The words of a key whose argument is a facet: its class, and the path of its keys."""
    inside = {
        cls.word: classes_of(next(iter(cls.model_fields.values())).annotation)
        for cls in classes_of(field.annotation)
        if issubclass(cls, Choice) and not issubclass(cls, Word)
    }
    of_facets = {word: classes[0] for word, classes in inside.items() if classes}
    shared = len(of_facets) > 1
    return {w: (cls, f"{path}.{ANY if shared else w}") for w, cls in of_facets.items()}


def expected_of(field: FieldInfo) -> str:
    """The form of a field's value that is no facet."""
    return _scalar(field.annotation, field.metadata)


def _entries(
    root: type[Facet], prefix: str, under: tuple[Under, ...], seen: dict[Any, str]
) -> Iterator[Entry]:
    """The keys of a facet and of what is inside; `seen` has where classes were met first."""
    for name, field in root.model_fields.items():
        if name in TAGS:
            continue
        path = prefix + key_of(name, field)
        facets = [cls for cls in classes_of(field.annotation) if not issubclass(cls, Choice)]
        free = values_of(field.annotation)
        inside = f"{path}.{ANY}" if free else path
        classes = tuple(free or facets)
        first = seen.setdefault(classes, inside) if classes else inside
        like = "" if first == inside else first
        yield _entry(path, field, under, like)
        for cls in () if like else classes:
            tag = _tag_key(cls) if len(classes) > 1 else ""
            here = (Under(inside, tag, (tag_of(cls),)),) if tag else ()
            yield from _entries(cls, f"{inside}.", (*under, *here), seen)
        for word, (cls, at) in arguments(path, field).items():
            yield from _entries(cls, f"{at}.", (*under, Under(path, "", (word,))), seen)


def _entry(path: str, field: FieldInfo, under: tuple[Under, ...], like: str) -> Entry:
    classes = classes_of(field.annotation)
    several = len(classes) > 1
    default = None if field.is_required() else written(field.get_default())
    return Entry(
        path,
        field.description or "",
        about="" if several or not classes or _is_biases(classes[0]) else _prose(classes[0]),
        expected="" if several else _expected(field, classes),
        values=() if like else tuple(_values(field, classes)),
        tag=_tag_key(classes[0]) if several and not like else "",
        required=field.is_required(),
        default=default if default not in ({}, []) else None,
        under=under,
        like=like,
        sample=_sample(field),
    )


def _is_biases(cls: type[Facet]) -> bool:
    return issubclass(cls, Biases)


def _tag_key(cls: type[Facet]) -> str:
    return next((name for name in TAGS if name in cls.model_fields), "")


def _prose(cls: type[Facet]) -> str:
    return " ".join((cls.__doc__ or "").split())


def _values(field: FieldInfo, classes: Sequence[type[Facet]]) -> Iterator[Value]:
    """The alternatives of a key: its kinds, its choices, or its words."""
    if len(classes) > 1:
        for cls in classes:
            yield Value(tag_of(cls), _written(cls), _prose(cls), *_argument(cls))
    elif not classes:
        for word in _literals(field.annotation):
            yield Value(word, word)


def _literals(annotation: Any) -> list[str]:
    """The words that a key allows, as a value or as an item of a list."""
    if get_origin(annotation) is Literal:
        return [str(arg) for arg in get_args(annotation)]
    if get_origin(annotation) is dict or isinstance(annotation, type):
        return []
    args = get_args(annotation)
    options = args[:1] if get_origin(annotation) is Annotated else args
    return list(dict.fromkeys(word for option in options for word in _literals(option)))


def _argument(cls: type[Facet]) -> tuple[str, Any]:
    """The meaning of a choice's argument that is no mapping, and a sample of it."""
    if not issubclass(cls, Choice) or issubclass(cls, Word):
        return "", None
    (field,) = cls.model_fields.values()
    return "" if classes_of(field.annotation) else field.description or "", _sample(field)


def _sample(field: FieldInfo) -> Any:
    return next(iter(field.examples or []), None)


def _written(cls: type[Facet]) -> str:
    """How a value of one of several classes is written."""
    if issubclass(cls, Word):
        return cls.word
    if issubclass(cls, Choice):
        (field,) = cls.model_fields.values()
        inside = [key for c in classes_of(field.annotation) for key in _keys(c)]
        return f"{{{cls.word}: {{{', '.join(inside)}}}}}" if inside else f"{{{cls.word}: ...}}"
    return f"{_tag_key(cls)}: {tag_of(cls)}"


def _keys(cls: type[Facet]) -> list[str]:
    return [f"{key_of(name, field)}: ..." for name, field in cls.model_fields.items()]


def _expected(field: FieldInfo, classes: Sequence[type[Facet]]) -> str:
    """The form of a value; empty for a mapping whose keys have entries."""
    if not classes:
        said = _scalar(field.annotation, field.metadata)
        return said if field.is_required() else said.removesuffix(" or null")
    if _is_biases(classes[0]):
        one = next(iter(classes[0].model_fields.values()))
        return f"{_scalar(one.annotation, one.metadata)}, for all of them; or a mapping"
    return "a list of mappings" if get_origin(field.annotation) is list else ""


# What a plain name is of.
_NAMED = {
    Denotes.KEY: "a key of HF's config",
    Denotes.PART: "the name of a module or a parameter",
    Denotes.ATTRIBUTE: "the name of an attribute of HF's attention",
    Denotes.ARGUMENT: "the name of an argument",
}
# What mappings lead to, by its type; text otherwise.
_OF_MAPPINGS = {JsonValue: "values", int: "numbers", KnownFailure: "keys", Moved: "paths"}


def _scalar(annotation: Any, metadata: Sequence[Any]) -> str:
    """The form of a scalar, from its annotation."""
    for item in metadata:
        if isinstance(item, Denotes) and any(is_plain_name(other) for other in metadata):
            return _NAMED[item]
    for item in metadata:
        if hasattr(item, "expected"):
            return str(item.expected)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        *first, last = (f"`{arg}`" for arg in args)
        return f"{', '.join(first)} or {last}" if first else last
    if origin is Annotated:
        return _scalar(args[0], args[1:])
    if origin is list:
        return f"a list, each item {_scalar(args[0], [])}"
    if origin is dict:
        return f"a mapping, each key {_scalar(args[0], [])}, to {_OF_MAPPINGS.get(args[1], 'text')}"
    if annotation is float:
        return "a number"
    options = [arg for arg in args if arg is not type(None)]
    said = " or ".join(_scalar(option, []) for option in options)
    return f"{said} or null" if said and len(options) < len(args) else said or "true or false"


def _merged(one: Entry, other: Entry) -> Entry:
    """One entry for two that say the same of a key under other kinds."""
    under = tuple(
        replace(mine, kinds=tuple(dict.fromkeys((*mine.kinds, *theirs.kinds))))
        for mine, theirs in zip(one.under, other.under, strict=True)
    )
    return replace(one, under=under)


def _narrowing(under: tuple[Under, ...], every: Any) -> tuple[Under, ...]:
    """The conditions but for those that every kind of a facet meets."""
    words = {entry.path: {value.word for value in entry.values} for entry in every}
    return tuple(u for u in under if set(u.kinds) != words[u.facet.removesuffix(f".{ANY}")])
