"""A model and a tokenizer on disk, loaded from there by HF and by TL as users do."""

import contextlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformer_lens.factories import architecture_adapter_factory as factory
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from adaptergen.verify.hf import HfModel, hf_class

_MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n")]
_SPECIAL = ("<pad>", "<s>", "</s>")


@dataclass(frozen=True)
class Checkpoint:
    """Models that HF and TL loaded from the same folder, in float64."""

    model: Any
    tokenizer: Any
    bridge: TransformerBridge


def settings(hf: HfModel | None = None) -> dict[str, int]:
    """Config keys of a model whose vocabulary is the tokenizer's.

    Other models than HF's own may have its size under several names.
    """
    ids = _vocabulary()
    pad, bos, eos = (ids[token] for token in _SPECIAL)
    values = hf.config.to_dict() if hf is not None else {}
    rows = len(hf.model.get_input_embeddings().weight) if hf is not None else 0
    named = [key for key, value in values.items() if "vocab" in key and value == rows]
    sizes = dict.fromkeys(named or ["vocab_size"], len(ids))
    return {**sizes, "pad_token_id": pad, "bos_token_id": bos, "eos_token_id": eos}


def save(model: Any, folder: str) -> None:
    """Put a model made with `settings` into a folder, with its tokenizer."""
    model.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)


def load(adapter: type[ArchitectureAdapter], hf: HfModel) -> Checkpoint:
    """Save a model made with `settings`, and load it twice."""
    with tempfile.TemporaryDirectory() as folder, _silence():
        save(hf.model, folder)
        model = hf_class(hf.architecture).from_pretrained(
            folder, dtype=torch.float64, attn_implementation="eager"
        )
        with _registered(hf.architecture, adapter):
            bridge = TransformerBridge.boot_transformers(folder, device="cpu", dtype=torch.float64)
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    bridge.eval()
    wrapped: Any = bridge.original_model
    for loaded in (model, wrapped):
        # Other ways to run experts do not know float64.
        loaded.config._experts_implementation = "eager"
    return Checkpoint(model.eval(), tokenizer, bridge)


def _vocabulary() -> dict[str, int]:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merged = [one + other for one, other in _MERGES]
    return {token: number for number, token in enumerate([*alphabet, *merged, *_SPECIAL])}


def _tokenizer() -> Any:
    """Byte-level byte pairs, as most decoders have them; it adds no special token by itself."""
    tokenizer = Tokenizer(models.BPE(vocab=_vocabulary(), merges=_MERGES))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    pad, bos, eos = _SPECIAL
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=pad, bos_token=bos, eos_token=eos
    )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Neither messages nor progress bars."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        yield


@contextlib.contextmanager
def _registered(architecture: str, adapter: type[ArchitectureAdapter]) -> Iterator[None]:
    """TL finds the adapter when it loads a checkpoint, and only as long as this lasts."""
    entry = {architecture: adapter}
    with (
        patch.dict(factory.SUPPORTED_ARCHITECTURES, entry),
        patch.dict(factory.ArchitectureAdapterFactory._adapters, entry),
    ):
        yield
