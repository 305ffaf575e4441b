"""Parts of a model that are of one of several kinds, each kind in a folder of its own.

The module `spec` of the folder has the kind's facet; its other modules are asked for by name, so
that those that need torch are imported by nobody else.
"""

from importlib import import_module
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from adaptergen.language.facet import Facet, tag_of

K = TypeVar("K", bound="type[Part]")


class Part(Facet):
    """A part of a model, such as the MLP. Its subclasses are kinds of it, told apart by `kind`.

    A field of the part's class takes every kind that is registered.
    """

    # Of a part, its kinds by their names.
    kinds: ClassVar[dict[str, "type[Part]"]]
    # Models with a field for a part that were defined before a kind was.
    holders: ClassVar[list[type[BaseModel]]] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.is_part():
            cls.kinds = {}

    @classmethod
    def is_part(cls) -> bool:
        """Whether this is a part, rather than a kind of one."""
        return Part in cls.__bases__

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if not cls.is_part():
            return handler(source)
        choices = {name: handler.generate_schema(kind) for name, kind in cls.kinds.items()}
        return core_schema.tagged_union_schema(choices, discriminator="kind")


def register(kind: K) -> K:
    """Let specs have a kind of a part; one of the same name takes the other's place."""
    _part_of(kind).kinds[tag_of(kind)] = kind
    _rebuild()
    return kind


def unregister(kind: type[Part]) -> None:
    """Let no spec have a kind any more, if one may."""
    _part_of(kind).kinds.pop(tag_of(kind), None)
    _rebuild()


def template_of(kind: type[Part]) -> str:
    """The name of a kind's template, without its ending, such as `mlp/gated`."""
    return f"{_part_of(kind).__name__.lower()}/{tag_of(kind)}"


def registered() -> list[type[Part]]:
    """Every kind of every part."""
    return [kind for part in Part.__subclasses__() for kind in part.kinds.values()]


def _part_of(kind: type[Part]) -> type[Part]:
    (part,) = (base for base in kind.__mro__ if issubclass(base, Part) and base.is_part())
    return part


def _rebuild() -> None:
    """Let models with a field for a part take the kinds that are registered now."""
    for holder in Part.holders:
        holder.model_rebuild(force=True)


def module_of(facet: Part | type[Part], name: str) -> Any:
    """The module of that name in the folder of a kind.

    Raises:
        ModuleNotFoundError: if the folder has none.
    """
    kind = facet if isinstance(facet, type) else type(facet)
    return import_module(f"{kind.__module__.rpartition('.')[0]}.{name}")
