"""Config keys that count the heads."""

from typing import Any, NamedTuple

from adaptergen.infer.attention import Projections, projections
from adaptergen.infer.keys import moved_by, numbers
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.verify.pattern import pattern

_COUNTS = (8, 2, 6, 4, 1)
_SIZES = (24, 32)
# HF's attention asks for it also where the config's class does not declare it.
_USUAL_SIZE = "head_dim"


class _Counts(NamedTuple):
    """How many heads there are, how many of keys and values, and their size."""

    query: int
    key_value: int
    size: int


def heads(tiny: TinyModel, attention: str, found: Projections) -> tuple[dict[str, Any], str | None]:
    """The facet of head counts as YAML has it, and the layout of a fused projection.

    With a single key and value head every layout is the same; a config with several tells.

    Raises:
        UnexplainedError: if no config key gives the counts.
    """
    facet: dict[str, Any] = {"query": _query(tiny, attention, found)}
    facet["key_value"] = _key_value(tiny, attention, found)
    facet["head_dim"] = _head_dim(tiny, attention, found)
    layout = found.facet.get("layout")
    if found.key_value == 1 and found.heads > 1 and facet["key_value"] is None:
        single, facet["key_value"], layout = _single(tiny, attention, found)
        facet["single"] = single
    elif found.key_value != found.heads and facet["key_value"] is None:
        raise UnexplainedError(f"no config key gives the {found.key_value} key and value heads")
    return facet, layout


def _read(tiny: TinyModel, attention: str, found: Projections) -> _Counts:
    call = tiny.hf.call
    query = int(pattern(tiny.hf, attention).shape[1])
    size = call(f"{attention}.{found.o}").input.shape[-1] // query
    if "qkv" in found.facet:
        both = call(f"{attention}.{found.q}").value.shape[-1] // size - query
        return _Counts(query, both // 2, size)
    return _Counts(query, call(f"{attention}.{found.facet['k']}").value.shape[-1] // size, size)


def _query(tiny: TinyModel, attention: str, found: Projections) -> str:
    keys = [key for key in numbers(tiny.values) if tiny.values[key] == found.heads]
    width = tiny.config.attribute_map.get("hidden_size", "hidden_size")

    def expected(other: TinyModel, count: int) -> bool:
        return _read(other, attention, found).query == count

    def as_large(count: int) -> dict[str, int]:
        return {width: count * (tiny.values[width] // found.heads)}

    key = moved_by(tiny, keys, _COUNTS, expected)
    if key is None and width in tiny.values:
        # There may be constants for each pair of a head's elements, so that heads stay as large.
        key = moved_by(tiny, keys, _COUNTS, expected, as_large)
    if key is None:
        raise UnexplainedError(f"no config key gives the {found.heads} heads")
    return key


def _key_value(tiny: TinyModel, attention: str, found: Projections) -> str | None:
    before = _read(tiny, attention, found)

    def expected(other: TinyModel, count: int) -> bool:
        return _read(other, attention, found) == before._replace(key_value=count)

    values = tiny.values
    keys = [k for k in numbers(values, also_none=True) if values[k] in (before.key_value, None)]
    counts = [count for count in (found.heads, 1) if count != before.key_value]
    return moved_by(tiny, keys, counts, expected)


def _head_dim(tiny: TinyModel, attention: str, found: Projections) -> str | None:
    def expected(other: TinyModel, size: int) -> bool:
        return _read(other, attention, found) == (found.heads, found.key_value, size)

    values = tiny.values
    keys = [k for k in numbers(values, also_none=True) if values[k] in (found.head_dim, None)]
    # A size that heads have already would show nothing.
    sizes = [size for size in _SIZES if size != found.head_dim]
    return moved_by(tiny, dict.fromkeys([*keys, _USUAL_SIZE]), sizes, expected)


def _single(
    tiny: TinyModel, attention: str, found: Projections
) -> tuple[dict[str, str], str | None, str | None]:
    """The keys under which there is one key and value head, and what a model with several says."""
    several = {k: w for k, w in tiny.flips.items() if _read(w, attention, found).key_value > 1}
    whens = [key for key in several if tiny.values[key]]
    if not whens:
        raise UnexplainedError("no config key gives the single key and value head")
    unless = [key for key in several if not tiny.values[key]]
    single = {"when": whens[0], **({"unless": unless[0]} if unless else {})}
    keys = filter(None, (_key_value(other, attention, found) for other in several.values()))
    layouts = [projections(other, attention).facet.get("layout") for other in several.values()]
    return single, next(keys, None), layouts[0]
