"""Return values of HF's attention, place by place, in the words of a spec."""

from typing import Any

from torch import Tensor
from transformers import Cache

from adaptergen.verify.call import Call, is_pattern
from adaptergen.verify.hf import HfModel, Observation
from adaptergen.verify.once import UnavailableError, once

_FEW = 5


def returned(hf: HfModel, path: str) -> str | list[str]:
    """Return values of an attention module in the main pass, and in one with a cache.

    `other` for what no spec has a word for.
    """
    call = hf.call(path)
    places = [_word(call, place) for place in range(len(call.values))]
    cached = _with_cache(hf, path)
    if cached is not None and len(cached.values) == len(places):
        for place, value in enumerate(cached.values):
            places[place] = _of_cache(value) or places[place]
    if isinstance(call.output, Tensor):
        return places[0]
    return places if isinstance(call.output, tuple) else ["other"]


def cached(hf: HfModel, path: str) -> str:
    """How a module lays out the pair of keys and values that it returns, if it returns one."""
    call = _with_cache(hf, path)
    pairs = () if call is None else (v for v in call.values if _of_cache(v) == "keys_and_values")
    shapes = [tuple(pair[0].shape) for pair in pairs]
    if not shapes or len(shapes[0]) != 4 or shapes[0][2] == _FEW:
        return "batch_head_pos"
    return "pos_batch_head" if shapes[0][0] == _FEW else "batch_pos_head"


def _of_cache(value: Any) -> str:
    if isinstance(value, Cache):
        return "cache"
    pair = isinstance(value, tuple | list) and len(value) == 2
    return "keys_and_values" if pair and all(isinstance(v, Tensor) for v in value) else ""


def _word(call: Call, place: int) -> str:
    value: Any = call.values[place]
    if value is call.value:
        return "output"
    if value is None:
        return "nothing"
    return "pattern" if is_pattern(value) else "other"


def _with_cache(hf: HfModel, path: str) -> Call | None:
    """The call of a module in a pass that fills a cache; None where HF fails with one."""
    try:
        return _pass_with_cache(hf).calls.get(path)
    except UnavailableError:
        return None


@once("HF's pass with a cache")
def _pass_with_cache(hf: HfModel) -> Observation:
    return hf.observe(hf.batch(_FEW), use_cache=True)
