"""Every leaf of a spec: one value that it gives, where it stands, and what of HF it names."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, get_args

from pydantic.fields import FieldInfo

from adaptergen.language.facet import Choice, Facet, Word
from adaptergen.language.factor import powers
from adaptergen.language.values import UNLESS, Decided, Denotes
from adaptergen.language.walk import classes_of, key_of
from adaptergen.spec.model import Spec

_DECIDED = get_args(Decided)[1]
# Facets whose paths start at the model; those of all others start at a block.
_FROM_THE_MODEL = ("paths", "embedding_norm")
# Paths that start where the facet itself stands, and not at its module.
_BESIDE = ("path", "mix")
# A config key under which something is otherwise.
_CONDITION = ".when"
# What verification is told says nothing of the architecture.
_NO_CLAIMS = ("tiny.", "verification.")


class Leaf(NamedTuple):
    """A value of a spec that is no mapping.

    `claim` is its dotted path in the file. `denotes` is what of HF the value names, None where it
    names nothing of HF's. `place` is the dotted path of the module or parameter that it names, or
    of the module that it is about, from the model, or from each block if `in_blocks`. `without` is
    how a spec says that there is none, empty where there must be one. `is_key` is true of a key of
    a mapping whose keys are free, `decides` of what says when something is there: always, never, or
    where a config key is set.
    """

    claim: str
    value: Any = None
    denotes: Denotes | None = None
    place: str = ""
    in_blocks: bool = False
    without: str = ""
    is_key: bool = False
    decides: bool = False

    def inside(self, name: str) -> str:
        """The path of something in its place."""
        return f"{self.place}.{name}" if self.place else name


def leaves(spec: Spec) -> Iterator[Leaf]:
    """Every leaf, in the order of the language; what other versions have is none of this one's."""
    for name, field in Spec.model_fields.items():
        if name == "versions":
            continue
        at = Leaf(name, in_blocks=name not in _FROM_THE_MODEL)
        yield from _of_field(field, getattr(spec, name), at)


def claims(spec: Spec) -> Iterator[Leaf]:
    """The leaves that say something of the architecture."""
    return (leaf for leaf in leaves(spec) if not leaf.claim.startswith(_NO_CLAIMS))


def keys_named(spec: Spec) -> dict[str, str]:
    """The HF config keys that claims name, each with the first of these claims."""
    found: dict[str, str] = {}
    for leaf in claims(spec):
        if leaf.denotes is Denotes.KEY:
            for key in powers(leaf.value):
                found.setdefault(key, leaf.claim)
    return found


def denoted(field: FieldInfo) -> Denotes | None:
    """The kind of thing in HF that a field's values name, in a list or as keys of a mapping too."""
    if _DECIDED in field.metadata:
        return Denotes.KEY
    return next(_marks([field.annotation, *field.metadata]), None)


def _marks(parts: Iterable[Any]) -> Iterator[Denotes]:
    for part in parts:
        if isinstance(part, Denotes):
            yield part
        else:
            yield from _marks(arg for arg in get_args(part) if not isinstance(arg, str))


def _of_field(field: FieldInfo, value: Any, at: Leaf) -> Iterator[Leaf]:
    """The leaves of one field; `at` has what all of them share."""
    decides = _DECIDED in field.metadata or at.claim.endswith(_CONDITION)
    at = at._replace(without=_without(field, at), decides=decides)
    denotes = denoted(field)
    if isinstance(value, dict):
        for key in value:
            name = key.removeprefix(UNLESS) if denotes is Denotes.KEY else key
            named = at._replace(claim=f"{at.claim}.{key}", value=name, denotes=denotes, is_key=True)
            yield named._replace(without=f"{named.claim}: null")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _of_value(inner, denotes, at._replace(claim=f"{at.claim}.{number}"))
    elif value is not None:
        yield from _of_value(value, denotes, at)


def _of_value(value: Any, denotes: Denotes | None, at: Leaf) -> Iterator[Leaf]:
    if isinstance(value, Facet):
        yield from _of_facet(value, at)
    elif denotes is Denotes.PART:
        yield at._replace(value=value, denotes=denotes, place=at.inside(value))
    else:
        names_none = denotes is Denotes.KEY and isinstance(value, bool)
        if denotes is Denotes.KEY and isinstance(value, str):
            value = value.removeprefix(UNLESS)
        yield at._replace(value=value, denotes=None if names_none else denotes)


def _of_facet(facet: Facet, at: Leaf) -> Iterator[Leaf]:
    """The leaves of a facet, a choice's word or key first."""
    if isinstance(facet, Choice):
        yield at._replace(value=facet.word)
    path = getattr(facet, "path", "")
    inside = at.inside(path) if path else at.place
    for name, field in type(facet).model_fields.items():
        place = at.place if name in _BESIDE else inside
        below = at._replace(claim=f"{at.claim}.{key_of(name, field)}", place=place)
        yield from _of_field(field, getattr(facet, name), below)


def _without(field: FieldInfo, at: Leaf) -> str:
    """How a spec leaves a field out, or else the facet that it is in."""
    words = [cls.word for cls in classes_of(field.annotation) if issubclass(cls, Word)]
    if "none" in words:
        return f"{at.claim}: none"
    if _DECIDED in field.metadata:
        return f"{at.claim}: false"
    if type(None) in get_args(field.annotation):
        return f"{at.claim}: null"
    return f"{at.claim}: []" if field.get_default() == [] else at.without
