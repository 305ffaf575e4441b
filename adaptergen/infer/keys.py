"""HF config keys that decide an observed fact."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.language.values import UNLESS
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.structure import Structure

T = TypeVar("T")


def decided(tiny: TinyModel, observed: Callable[[Structure], bool], what: str) -> bool | str:
    """Whether something is there in every config, in none, or where a boolean key is set.

    Raises:
        UnexplainedError: if it depends on more than one key, or on the key's opposite.
    """
    seen = [(built.config, observed(built)) for built in tiny.structures]
    return rule(seen, [key for key, value in tiny.values.items() if isinstance(value, bool)], what)


def bias(tiny: TinyModel, path: str) -> bool | str:
    """The deciding value of the bias of the linear layer at a path.

    Raises:
        UnexplainedError: as `decided` does.
    """
    what = f"the bias of {path}"
    try:
        return decided(tiny, lambda built: f"{path}.bias" in built.shapes, what)
    except UnexplainedError:
        key = decided(tiny, lambda built: f"{path}.bias" not in built.shapes, what)
        return f"{UNLESS}{key}"


def rule(seen: Iterable[tuple[Any, bool]], keys: Iterable[str], what: str) -> bool | str:
    """The constant or the key that tells under each config whether something was seen."""
    cases = list(seen)
    found = {there for _, there in cases}
    if len(found) == 1:
        return found.pop()
    for key in keys:
        if all(bool(getattr(config, key, False)) == there for config, there in cases):
            return key
    raise UnexplainedError(f"no single config key decides {what}")


def present(
    tiny: TinyModel, observed: Callable[[TinyModel], T | None], what: str
) -> tuple[T | None, bool | str]:
    """Something that is there under some configs, and what decides whether it is.

    Raises:
        UnexplainedError: if it differs where it is there, or no single key decides.
    """
    others = [tiny, *tiny.flips.values()]
    seen = [(one.config, observed(one)) for one in others]
    kinds: list[T] = []
    for _, found in seen:
        if found is not None and found not in kinds:
            kinds.append(found)
    if not kinds:
        return None, False
    if len(kinds) > 1:
        raise UnexplainedError(f"{what} is another under another config")
    decisive = rule([(config, found is not None) for config, found in seen], tiny.flips, what)
    return kinds[0], decisive


def moved_by(
    tiny: TinyModel,
    keys: Iterable[str],
    values: Iterable[Any],
    expected: Callable[[TinyModel, Any], bool],
    beside: Callable[[Any], Mapping[str, Any]] = lambda value: {},
) -> str | None:
    """The first key whose every accepted value has the expected effect, and at least one has.

    What has to move with it, `beside` says for each value.
    """
    tried = list(values)
    for key in keys:
        others = {
            value: tiny.under({**beside(value), key: value})
            for value in tried
            if tiny.values.get(key) != value
        }
        found = (_effect(expected, other, value) for value, other in others.items())
        effects = [effect for effect in found if effect is not None]
        if effects and all(effects):
            return key
    return None


def _effect(
    expected: Callable[[TinyModel, Any], bool], other: TinyModel | None, value: Any
) -> bool | None:
    """Whether a value has the expected effect; None where HF refuses it, or it shows no effect.

    HF may run with a value, and not step by step: no head for each of two key heads, say.
    """
    try:
        return None if other is None else expected(other, value)
    except UnavailableError:
        return None


def numbers(values: Mapping[str, Any], *, also_none: bool = False) -> list[str]:
    """Keys that hold a whole number."""
    return [
        key
        for key, value in values.items()
        if (isinstance(value, int) and not isinstance(value, bool)) or (also_none and value is None)
    ]
