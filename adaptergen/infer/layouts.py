"""Blocks that are built in another order where a config key is set."""

from collections.abc import Iterator
from itertools import permutations, product
from typing import Any

from adaptergen.infer.block import flow
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.verify.once import UnavailableError

_MOST_KEYS = 3
_SANDWICH = ("ln1", "ln1_post", "ln2", "ln2_post")

Facet = dict[str, Any]


def blocks(tiny: TinyModel, *, opaque: bool = False) -> tuple[Facet, list[Facet]]:
    """The facet of blocks where no key is set that matters, and the layouts under such keys.

    Raises:
        UnexplainedError: if the order of blocks depends on keys in another way.
    """
    base = flow(tiny, opaque=opaque).facet
    if opaque:
        return base, []
    deciding = [key for key, other in tiny.flips.items() if _facet(other) not in (base, None)]
    if not deciding:
        return base, []
    optional = _post_norms(tiny, base, deciding)
    if optional is not None:
        return optional, []
    if len(deciding) > _MOST_KEYS:
        raise UnexplainedError(f"many config keys order the blocks: {', '.join(deciding)}")
    seen = _combinations(tiny, deciding)
    for order in permutations(deciding):
        found = _ordered(order, seen)
        if found is not None:
            default, layouts = found
            return default, [_with_numbers(tiny, one, found, seen) for one in layouts]
    raise UnexplainedError(f"config keys order the blocks together: {', '.join(deciding)}")


def _facet(tiny: TinyModel) -> Facet | None:
    try:
        return flow(tiny).facet
    except (UnexplainedError, UnavailableError):
        return None


def _post_norms(tiny: TinyModel, base: Facet, deciding: list[str]) -> Facet | None:
    """The sandwich whose outer norms a key takes away, leaving modules that do nothing."""
    for key in deciding:
        both = (base, _facet(tiny.flips[key]) or {})
        full = next((one for one in both if one.get("topology") == "sandwich"), None)
        bare = next((one for one in both if one.get("topology") == "pre"), None)
        if len(deciding) == 1 and full and bare and all(full[r] == bare[r] for r in ("ln1", "ln2")):
            return {**full, "post_norms": key}
    return None


def _combinations(tiny: TinyModel, keys: list[str]) -> dict[tuple[bool, ...], Facet]:
    """The facet of blocks under every combination of keys that HF runs."""
    found = {}
    for values in product((False, True), repeat=len(keys)):
        other = tiny.under(dict(zip(keys, values, strict=True)))
        facet = _facet(other) if other is not None else None
        if facet is not None:
            found[tuple(sorted(k for k, v in zip(keys, values, strict=True) if v))] = facet
    return found  # type: ignore[return-value]


def _ordered(order: tuple[str, ...], seen: dict[Any, Facet]) -> tuple[Facet, list[Facet]] | None:
    """The layouts, if the first key of this order that is set decides alone."""
    by_key: dict[str | None, Facet] = {}
    for given, facet in seen.items():
        first = next((key for key in order if key in given), None)
        if by_key.setdefault(first, facet) != facet:
            return None
    if None not in by_key:
        return None
    default = by_key.pop(None)
    return default, [{"when": key, "block": by_key[key]} for key in order if key in by_key]


def _with_numbers(
    tiny: TinyModel, layout: Facet, found: tuple[Facet, list[Facet]], seen: dict[Any, Facet]
) -> Facet:
    """A layout with the numbers of other keys for which blocks have the next one instead."""
    default, layouts = found
    whens = [one["when"] for one in layouts]
    unless: dict[str, int] = {}
    for given in seen:
        if next((key for key in whens if key in given), None) != layout["when"]:
            continue
        others = (one["block"] for one in layouts if one is not layout and one["when"] in given)
        instead = next(others, default)
        keys = {key: key in given for key in whens}
        for key, number in _numbers(tiny):
            other = tiny.under({**keys, key: number})
            facet = _facet(other) if other is not None else None
            if facet in (None, layout["block"]):
                continue
            if facet != instead or unless.setdefault(key, number) != number:
                raise UnexplainedError(f"{key} orders the blocks in a way that no facet describes")
    return {**layout, **({"unless": unless} if unless else {})}


def _numbers(tiny: TinyModel) -> Iterator[tuple[str, int]]:
    """Small numbers for keys that have none, which may count parts of a block."""
    unset = (key for key, value in tiny.values.items() if value is None)
    yield from product((key for key in unset if not key.endswith("_id")), (1, 2))
