"""Constants that the model multiplies activations by, and the config keys that hold them."""

from collections.abc import Callable
from typing import Any

import torch

from adaptergen.infer.anatomy import Anatomy
from adaptergen.infer.block import flow
from adaptergen.infer.factor import CLOSE, factor
from adaptergen.infer.world import UnexplainedError, World
from adaptergen.verify.components import known_to_tl

# What is left after undoing a tanh in float64.
_INVERTED = 1e-6


def multipliers(world: World, parts: Anatomy, scale: float) -> dict[str, Any]:
    """The facet of multipliers as YAML has it; `scale` is what a block's outputs are multiplied by.

    Raises:
        UnexplainedError: if something is multiplied by what is no config key's value.
    """
    facet: dict[str, Any] = {}
    embedding = _embedding(world, parts)
    if embedding is not None and abs(embedding - 1.0) > CLOSE:
        key = _key(world, embedding, lambda other: _embedding(other, parts))
        if key is None:
            raise UnexplainedError(
                f"the embedding is multiplied by {embedding:.6g}, no config key's value"
            )
        facet["embedding"] = key
    if abs(scale - 1.0) > CLOSE:
        key = _key(world, scale, lambda other: flow(other).scale)
        if key is None:
            raise UnexplainedError(
                f"blocks multiply what they add by {scale:.6g}, no config key's value"
            )
        facet["residual"] = key
    logits, cap = _logits(world, parts)
    if logits is not None and abs(logits - 1.0) > CLOSE:
        facet["logits"] = _logits_facet(world, parts, logits)
    # TL has 0 or less for no cap.
    known = known_to_tl(world.architecture, world.hf.model)
    if cap is not None and known.output_logits_soft_cap <= 0:
        facet["soft_cap"] = cap
    return facet


def _embedding(world: World, parts: Anatomy) -> float | None:
    if parts.embedding_norm is not None:
        return None
    entering = world.hf.call(world.layers[0]).input
    return factor(entering, world.hf.call(parts.embed).value)


def _logits(world: World, parts: Anatomy) -> tuple[float | None, str | None]:
    """The factor of the unembedding's output, and the config key of a soft cap behind it."""
    logits, given = world.hf.seen.logits, world.hf.call(parts.unembed).value
    found = factor(logits, given)
    if found is not None:
        return found, None
    for key, cap in world.values.items():
        if isinstance(cap, float) and cap > 1.0 and logits.abs().max() < cap:
            found = factor(cap * torch.atanh(logits / cap), given, close=_INVERTED)
            if found is not None:
                return found, key
    return None, None


def _logits_facet(world: World, parts: Anatomy, found: float) -> dict[str, str]:
    key = _key(world, found, lambda other: _logits(other, parts)[0])
    if key is not None:
        return {"multiply": key}
    key = _key(world, 1 / found, lambda other: 1 / (_logits(other, parts)[0] or 1.0))
    if key is not None:
        return {"divide": key}
    raise _unnamed("the logits", found)


def _unnamed(what: str, value: float) -> UnexplainedError:
    return UnexplainedError(f"the model multiplies {what} by {value:.6g}, no config key's value")


def _key(world: World, value: float, measured: Callable[[World], float | None]) -> str | None:
    """The config key whose value a factor is, under other values too."""
    for key, known in world.values.items():
        if not isinstance(known, float) or abs(known - value) > _INVERTED * abs(value):
            continue
        other = world.under({key: 1.7 * known})
        if other is None:
            continue
        moved = measured(other)
        if moved is not None and abs(moved - 1.7 * known) <= _INVERTED * abs(known):
            return key
    return None
