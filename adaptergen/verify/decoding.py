"""Texts given piece by piece, and continued: by HF and by a bridge, both with HF's cache."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers import GenerationConfig

from adaptergen.verify.hf import Batch, HfModel
from adaptergen.verify.once import once


def borders_of(batch: Batch) -> tuple[int, ...]:
    """Where a batch is cut into chunks of different lengths, the last one a single token."""
    length = batch.ids.shape[1]
    return 0, length // 2, length // 2 + 3, length - 1, length


@once("HF's output in chunks")
def hf_in_chunks(hf: HfModel, batch: Batch, borders: Sequence[int]) -> Tensor:
    """HF's logits [batch, pos, vocab] of a batch that is given from border to border."""
    cache, found = None, []
    for start, end in pairwise(borders):
        given = {name: value[:, start:end] for name, value in batch.arguments.items()}
        if batch.mask is not None:
            given["attention_mask"] = batch.mask[:, :end]
        with torch.no_grad():
            output = hf.model(**given, **{_name_of_cache(hf.model.forward): cache}, use_cache=True)
        cache = output.past_key_values
        found.append(output.logits)
    return torch.cat(found, dim=1)


def _name_of_cache(function: Callable[..., Any]) -> str:
    """The cache's name among a function's arguments: `cache` in HF's code since 5.24."""
    return "cache" if "cache" in inspect.signature(function).parameters else "past_key_values"


@contextlib.contextmanager
def _cache_under_its_name(model: Any) -> Iterator[None]:
    """While active, `generate` hands the cache on under the name that the model's code gives it.

    Code from before 5.24 takes `past_key_values`. Where it takes any other argument besides, HF's
    `generate` hands it `cache`, which it ignores without a word.
    """
    prepare = model.prepare_inputs_for_generation

    @functools.wraps(prepare)
    def prepared(*args: Any, **kwargs: Any) -> dict[str, Any]:
        return _renamed(prepare(*args, **_renamed(kwargs, prepare)), model.forward)

    with patch.object(model, "prepare_inputs_for_generation", prepared):
        yield


def _renamed(arguments: dict[str, Any], function: Callable[..., Any]) -> dict[str, Any]:
    """A call's arguments with the cache under the function's own name for it."""
    name = _name_of_cache(function)
    other = "past_key_values" if name == "cache" else "cache"
    return {name if key == other else key: value for key, value in arguments.items()}


def bridge_in_chunks(bridge: TransformerBridge, batch: Batch, borders: Sequence[int]) -> Tensor:
    """The same from a bridge, which derives positions from the mask by itself."""
    cache, found = None, []
    for start, end in pairwise(borders):
        mask = None if batch.mask is None else batch.mask[:, :end]
        with torch.no_grad():
            logits, cache = bridge(
                batch.ids[:, start:end], return_type="logits_and_cache", attention_mask=mask,
                past_key_values=cache, use_cache=True,
            )  # fmt: skip
        found.append(logits)
    return torch.cat(found, dim=1)


def hf_continuation(model: Any, batch: Batch, count: int, **settings: Any) -> Tensor:
    """The tokens [batch, count] that HF's `generate` adds, the likeliest each time.

    `settings` are of the generation config. The model's own one is ignored: it may end texts. A
    model that takes no cache is handed all tokens each time.
    """
    config: Any = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=count, do_sample=False, **{"use_cache": _takes_cache(model), **settings}
    )
    with patch.object(model, "generation_config", config), _cache_under_its_name(model):
        mask = torch.ones_like(batch.ids) if batch.mask is None else batch.mask
        found: Tensor = model.generate(batch.ids, attention_mask=mask)
    return found[:, batch.ids.shape[1] :]


def _takes_cache(model: Any) -> bool:
    """Whether a model names a cache among its arguments: one that takes any would drop it."""
    return not {"cache", "past_key_values"}.isdisjoint(inspect.signature(model.forward).parameters)


def bridge_continuation(bridge: TransformerBridge, batch: Batch, count: int) -> Tensor:
    """The tokens [batch, count] that the bridge's `generate` adds, the likeliest each time."""
    found: Any = bridge.generate(
        batch.ids, max_new_tokens=count, do_sample=False, stop_at_eos=False,
        attention_mask=batch.mask, return_type="tokens", verbose=False,
    )  # fmt: skip
    continued: Tensor = found[:, batch.ids.shape[1] :]
    return continued
