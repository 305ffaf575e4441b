"""Texts given piece by piece, and continued: by HF and by a bridge, both with HF's cache."""

import inspect
from collections.abc import Sequence
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
            output = hf.model(**given, **{_name_of_cache(hf.model): cache}, use_cache=True)
        cache = output.past_key_values
        found.append(output.logits)
    return torch.cat(found, dim=1)


def _name_of_cache(model: Any) -> str:
    """The cache's name in the model's class. HF's have renamed it; others may take any name."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


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

    `settings` are of the generation config. The model's own one is ignored: it may end texts.
    """
    config: Any = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=count, do_sample=False, **settings
    )
    with patch.object(model, "generation_config", config):
        mask = torch.ones_like(batch.ids) if batch.mask is None else batch.mask
        found: Tensor = model.generate(batch.ids, attention_mask=mask)
    return found[:, batch.ids.shape[1] :]


def bridge_continuation(bridge: TransformerBridge, batch: Batch, count: int) -> Tensor:
    """The tokens [batch, count] that the bridge's `generate` adds, the likeliest each time."""
    found: Any = bridge.generate(
        batch.ids, max_new_tokens=count, do_sample=False, stop_at_eos=False,
        attention_mask=batch.mask, return_type="tokens", verbose=False,
    )  # fmt: skip
    continued: Tensor = found[:, batch.ids.shape[1] :]
    return continued
