"""Walks the models of the language: what keys a facet has, and which class a key leads to."""

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from adaptergen.language.facet import TAGS, Choice, Facet, tag_of
from adaptergen.language.kinds import Part


def key_of(name: str, field: FieldInfo) -> str:
    """The YAML key of a field."""
    return field.alias or name


def classes_of(annotation: Any) -> tuple[type[Facet], ...]:
    """The facet classes that a field can hold, in a list or not; none for a scalar."""
    if get_origin(annotation) in (Annotated, list):
        return classes_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(cls for arg in get_args(annotation) for cls in classes_of(arg))
    if not isinstance(annotation, type) or not issubclass(annotation, Facet):
        return ()
    if issubclass(annotation, Part) and annotation.is_part():
        return tuple(annotation.kinds.values())
    return (annotation,)


def values_of(annotation: Any) -> tuple[type[Facet], ...]:
    """The facet classes that the values of a mapping with free keys are of; none for scalars."""
    if get_origin(annotation) is Annotated:
        return values_of(get_args(annotation)[0])
    return classes_of(get_args(annotation)[1]) if get_origin(annotation) is dict else ()


def follow(
    root: type[Facet], loc: Sequence[str | int]
) -> tuple[list[str | int], tuple[type[Facet], ...]]:
    """The keys of a pydantic error location, without its union tags, and the classes they lead to.

    These are several where the location ends before a tag.
    """
    keys: list[str | int] = []
    current: tuple[type[Facet], ...] = (root,)
    below_free_key: tuple[type[Facet], ...] = ()
    for part in loc:
        if isinstance(part, int):
            # What is in a list is of the list's classes.
            keys.append(part)
            continue
        if below_free_key:
            keys.append(part)
            current, below_free_key = below_free_key, ()
            continue
        if len(current) > 1 and part not in TAGS:
            current = tuple(cls for cls in current if tag_of(cls) == part)
            continue
        keys.append(part)
        fields = fields_of(current[0]) if current else {}
        current = classes_of(fields[part].annotation) if part in fields else ()
        below_free_key = values_of(fields[part].annotation) if part in fields else ()
    return keys, current


def fields_of(facet: type[Facet]) -> dict[str | int, FieldInfo]:
    """The fields of a facet by their YAML keys."""
    return {key_of(name, field): field for name, field in facet.model_fields.items()}


def choice_paths(root: type[Facet], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of the keys that hold a `Choice`: their values are replaced, never merged."""
    for name, field in root.model_fields.items():
        path = (*prefix, key_of(name, field))
        for cls in classes_of(field.annotation):
            if issubclass(cls, Choice):
                yield path
                break
            yield from choice_paths(cls, path)
