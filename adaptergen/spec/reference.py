"""The reference of the spec language, derived from its models."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import JsonValue
from pydantic.fields import FieldInfo

from adaptergen.spec.facet import Choice, Facet, Word
from adaptergen.spec.model import Spec
from adaptergen.spec.values import Moved
from adaptergen.spec.verification import KnownFailure
from adaptergen.spec.walk import TAGS, classes_of, key_of, tag_of, values_of


class Value(NamedTuple):
    """One way to write a facet, and what it means."""

    written: str
    meaning: str


class Entry(NamedTuple):
    """A key of the language and how its value is written."""

    path: str
    meaning: str
    values: tuple[Value, ...]


def entries(root: type[Facet] = Spec, prefix: str = "") -> Iterator[Entry]:
    """Every key of the language, in the order of a spec."""
    for name, field in root.model_fields.items():
        if name in TAGS:
            continue
        path = prefix + key_of(name, field)
        yield Entry(path, field.description or "", tuple(_values(field)))
        for cls in classes_of(field.annotation):
            if not issubclass(cls, Choice):
                yield from entries(cls, f"{path}.")
        for cls in values_of(field.annotation):
            yield from entries(cls, f"{path}.*.")


# What mappings lead to, by its type; text otherwise.
_OF_MAPPINGS = {JsonValue: "values", int: "numbers", KnownFailure: "keys", Moved: "paths"}


def find(facet: str) -> list[Entry]:
    """The entries of a facet, named by its path or a part of it, and of what is inside it."""
    return [entry for entry in entries() if f".{facet}." in f".{entry.path}."]


def _values(field: FieldInfo) -> Iterator[Value]:
    classes = classes_of(field.annotation)
    for cls in classes:
        written = _written(cls)
        if written:
            yield Value(written, " ".join((cls.__doc__ or "").split()))
    if not classes:
        yield Value(_scalar(field.annotation, field.metadata), "")


def _written(cls: type[Facet]) -> str:
    """How a value of this class is written, empty for a mapping that has no alternatives."""
    if issubclass(cls, Word):
        return cls.word
    if issubclass(cls, Choice):
        (field,) = cls.model_fields.values()
        inside = classes_of(field.annotation)
        keys = (
            ", ".join(f"{key_of(n, f)}: ..." for n, f in inside[0].model_fields.items())
            if inside
            else ""
        )
        return f"{{{cls.word}: {{{keys}}}}}" if inside else f"{{{cls.word}: ...}}"
    tags = [name for name in TAGS if name in cls.model_fields]
    return f"{tags[0]}: {tag_of(cls)}" if tags else ""


def _scalar(annotation: Any, metadata: list[Any]) -> str:
    """What a scalar looks like, from its annotation."""
    for item in metadata:
        if hasattr(item, "expected"):
            return str(item.expected)
    if get_origin(annotation) is Literal:
        return " or ".join(str(arg) for arg in get_args(annotation))
    if get_origin(annotation) is Annotated:
        inner, *annotations = get_args(annotation)
        return _scalar(inner, annotations)
    if get_origin(annotation) is list:
        return f"list of: {_scalar(get_args(annotation)[0], [])}"
    if get_origin(annotation) is dict:
        key, value = get_args(annotation)
        return f"mapping of: {_scalar(key, [])} to {_OF_MAPPINGS.get(value, 'text')}"
    if annotation is float:
        return "a number"
    options = [arg for arg in get_args(annotation) if arg is not type(None)]
    return _scalar(options[0], []) if options else "true or false"
