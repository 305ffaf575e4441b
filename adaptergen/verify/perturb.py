"""HF configs one step away from a given one: each field moved alone, to values of its type."""

import dataclasses
import itertools
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Any, Literal

from transformers import PreTrainedConfig
from transformers.activations import ACT2FN

_ACTIVATIONS = ("silu", "gelu", "gelu_pytorch_tanh", "relu", "relu2", "tanh")
_LAYER_TYPES = ("full_attention", "sliding_attention")
_FACTOR = 2.0
_ROPE_TYPES: tuple[dict[str, Any], ...] = (
    {"rope_type": "linear", "factor": _FACTOR},
    {"rope_type": "dynamic", "factor": _FACTOR},
    {"rope_type": "yarn", "factor": _FACTOR},
    {"rope_type": "llama3", "factor": _FACTOR, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    {"rope_type": "longrope", "factor": _FACTOR},
)
# What a field may be that is None now, by the types that its class allows.
_INSTEAD_OF_NONE: dict[Any, tuple[Any, ...]] = {int: (8,), float: (0.5, 30.0), bool: (True,)}


def shown(changes: Mapping[str, Any]) -> str:
    """Config changes in a line, such as `attention_bias=True, num_key_value_heads=1`."""
    return ", ".join(f"{key}={_value(value)}" for key, value in changes.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    return str(value)


def perturbations(config: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field that belongs to the architecture, with settings that move it and nothing else.

    A field comes several times, once for each value. Settings go on top of those that the config
    was made from, so that what HF derives from a field moves with it. HF may refuse them.
    """
    for field, value in config.to_dict().items():
        if is_common(field):
            continue
        seen = [value]
        for other in _others(config, field, value):
            if other not in seen:
                seen.append(other)
                yield field, {field: other}


def moves(config: Any) -> dict[str, list[dict[str, Any]]]:
    """The settings that move each config key alone."""
    found = itertools.groupby(perturbations(config), key=lambda move: move[0])
    return {key: [changes for _, changes in group] for key, group in found}


def is_common(field: str) -> bool:
    """Whether every HF config has the field, so that it says nothing of an architecture."""
    return field in _common_fields()


@cache
def _common_fields() -> frozenset[str]:
    """Fields of every HF config: they describe files, labels and what calls return."""
    return frozenset({*PreTrainedConfig().to_dict(), "model_type", "attn_implementation"})


def _others(config: Any, field: str, value: Any) -> Iterator[Any]:
    allowed = _allowed(config, field)
    if isinstance(value, dict):
        yield from _dicts(config, value)
    elif isinstance(value, list):
        yield from _lists(value)
    else:
        yield from _scalars(value)
    for kind in allowed:
        if value is None:
            yield from _INSTEAD_OF_NONE.get(kind, ())
        if typing.get_origin(kind) is Literal:
            yield from typing.get_args(kind)
    if type(None) in allowed:
        yield None


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, 2 * value, max(value // 2, 1), 1)
    elif isinstance(value, float):
        yield 2 * value
        if abs(value) < 0.1:
            # A number that only keeps a norm finite shows once it is not so small.
            yield value + 0.1
    elif isinstance(value, str) and value in ACT2FN:
        yield from _ACTIVATIONS


def _lists(values: list[Any]) -> Iterator[list[Any]]:
    kinds = sorted(set(values), key=repr) if _hashable(values) else []
    if all(kind in (0, 1) for kind in kinds):
        kinds = [type(kind)(flag) for kind in kinds[:1] for flag in (0, 1)]
    elif set(kinds) <= set(_LAYER_TYPES):
        kinds = list(_LAYER_TYPES)
    if len(kinds) > 1:
        length = len(values)
        yield list(itertools.islice(itertools.cycle(kinds), length))
        yield from ([kind] * length for kind in kinds)
    yield values[::-1]


def _hashable(values: list[Any]) -> bool:
    return all(isinstance(value, str | int | float | bool | None) for value in values)


def _dicts(config: Any, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One entry of it moved; for RoPE also every type of scaling, with parameters that are valid.

    Parameters by layer type are moved one layer type at a time.
    """
    for key, inner in value.items():
        others = _dicts(config, inner) if isinstance(inner, dict) else _scalars(inner)
        for other in others:
            yield {**value, key: other}
    if "rope_theta" in value:
        base = {"rope_theta": value["rope_theta"]}
        for scaling in _ROPE_TYPES:
            yield base | _completed(config, scaling)
        yield {**value, "partial_rotary_factor": 0.5}


def _completed(config: Any, scaling: dict[str, Any]) -> dict[str, Any]:
    """A type of scaling, with the parameters that depend on the model's sizes."""
    kind, found = scaling["rope_type"], dict(scaling)
    if kind in ("yarn", "llama3", "longrope"):
        longest = getattr(config, "max_position_embeddings", 128)
        found["original_max_position_embeddings"] = max(int(longest / _FACTOR), 1)
    if kind == "longrope":
        # Asked of the whole, a field that differs by layer raises.
        planes = (config.to_dict().get("head_dim") or 16) // 2
        found["short_factor"] = [1.0 + 0.05 * i for i in range(planes)]
        found["long_factor"] = [1.0 + 0.5 * i for i in range(planes)]
    return found


def _allowed(config: Any, field: str) -> tuple[Any, ...]:
    """The types that the config's class declares for a field; nothing if it declares none."""
    cls: Any = type(config)
    declared = _declared(cls).get(field)
    if typing.get_origin(declared) in (typing.Union, UnionType):
        return typing.get_args(declared)
    return () if declared is None else (declared,)


@cache
def _declared(cls: type) -> dict[str, Any]:
    if not dataclasses.is_dataclass(cls):
        return {}
    return {field.name: field.type for field in dataclasses.fields(cls)}
