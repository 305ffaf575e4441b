"""Constants that the model multiplies activations by, and the config keys that hold them."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from adaptergen.infer.anatomy import Anatomy
from adaptergen.infer.block import flow
from adaptergen.infer.factor import CLOSE, factor
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.language.factor import factor_of, value_of
from adaptergen.verify.components import known_to_tl

# What is left after undoing a tanh in float64.
_INVERTED = 1e-6
# Reads a factor off a model.
_Measured: TypeAlias = Callable[[TinyModel], float | None]
# Powers of a config key that a factor may have.
_POWERS = (1.0, -1.0, 0.5, -0.5)


def multipliers(tiny: TinyModel, parts: Anatomy, scale: float) -> dict[str, Any]:
    """The facet of multipliers as YAML has it; `scale` is what a block's outputs are multiplied by.

    Raises:
        UnexplainedError: if something is multiplied by what no config keys give.
    """
    facet: dict[str, Any] = {}
    embedding = _embedding(tiny, parts)
    if embedding is not None and abs(embedding - 1.0) > CLOSE:
        said = "the embedding is multiplied"
        facet["embedding"] = _factor(tiny, embedding, lambda o: _embedding(o, parts), said)
    if abs(scale - 1.0) > CLOSE:
        said = "blocks multiply what they add"
        facet["residual"] = _factor(tiny, scale, lambda other: flow(other).scale, said)
    logits, cap = _logits(tiny, parts)
    if logits is not None and abs(logits - 1.0) > CLOSE:
        facet["logits"] = _logits_facet(tiny, parts, logits)
    # TL has 0 or less for no cap.
    known = known_to_tl(tiny.architecture, tiny.hf.model)
    if cap is not None and known.output_logits_soft_cap <= 0:
        facet["soft_cap"] = cap
    return facet


def _embedding(tiny: TinyModel, parts: Anatomy) -> float | None:
    if parts.embedding_norm is not None:
        return None
    entering = tiny.hf.call(tiny.layers[0]).input
    return factor(entering, tiny.hf.call(parts.embed).value)


def _logits(tiny: TinyModel, parts: Anatomy) -> tuple[float | None, str | None]:
    """The factor of the unembedding's output or input, and the config key of a soft cap behind."""
    logits, given = tiny.hf.seen.logits, tiny.hf.call(parts.unembed).value
    found = factor(logits, given)
    if found is not None:
        # Some scale what the unembedding reads, which comes to the same.
        read = factor(tiny.hf.call(parts.unembed).input, tiny.hf.call(parts.final_norm).value)
        return found * (read or 1.0), None
    for key, cap in tiny.values.items():
        if isinstance(cap, float) and cap > 1.0 and logits.abs().max() < cap:
            found = factor(cap * torch.atanh(logits / cap), given, close=_INVERTED)
            if found is not None:
                return found, key
    return None, None


def _logits_facet(tiny: TinyModel, parts: Anatomy, found: float) -> dict[str, str]:
    def measured(other: TinyModel) -> float | None:
        return _logits(other, parts)[0]

    for word, value, power in (("multiply", found, 1.0), ("divide", 1 / found, -1.0)):
        key = _key(tiny, value, power, measured)
        if key is not None:
            return {word: key}
    return {"multiply": _keys(tiny, found, measured, "the model multiplies the logits")}


def _factor(tiny: TinyModel, value: float, measured: _Measured, said: str) -> str:
    """The config key that a factor is, or the keys that it is made of."""
    return _key(tiny, value, 1.0, measured) or _keys(tiny, value, measured, said)


def _key(tiny: TinyModel, value: float, power: float, measured: _Measured) -> str | None:
    """The config key of a value that a factor has this power of, under other values too."""
    for key, known in tiny.values.items():
        alike = isinstance(known, float) and abs(known - value) <= _INVERTED * abs(value)
        if alike and _power(tiny, key, measured) == power:
            return key
    return None


def _keys(tiny: TinyModel, value: float, measured: _Measured, said: str) -> str:
    """The config keys that a factor is made of, as a spec has them.

    Raises:
        UnexplainedError: if they do not give its value.
    """
    numbers = [key for key, known in tiny.values.items() if type(known) in (int, float) and known]
    powers = {key: _power(tiny, key, measured) for key in numbers}
    written = factor_of({key: power for key, power in powers.items() if power})
    if not written or abs(value_of(written, tiny.config) - value) > _INVERTED * abs(value):
        raise UnexplainedError(f"{said} by {value:.6g}, which no config keys give")
    return written


def _power(tiny: TinyModel, key: str, measured: _Measured) -> float:
    """The power of a config key in a factor: one or a half, either sign; zero if it has none."""
    known = tiny.values[key]
    # Sizes stay whole, and what is divided by others stays so.
    times = 1.7 if isinstance(known, float) else 2
    other, before = tiny.under({key: times * known}), measured(tiny)
    moved = None if other is None else measured(other)
    if not moved or not before or moved / before <= 0:
        return 0.0
    found = math.log(moved / before, times)
    return next((power for power in _POWERS if abs(found - power) <= _INVERTED), 0.0)
