"""Does the adapter work the way users load models: from a checkpoint on disk, strings in?"""

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from adaptergen.verify import checkpoint
from adaptergen.verify.check import (
    ROUNDED,
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.checkpoint import Checkpoint
from adaptergen.verify.decoding import hf_continuation
from adaptergen.verify.divergence import first_divergence
from adaptergen.verify.hf import Batch, HfModel
from adaptergen.verify.once import once, one_line
from adaptergen.verify.subject import Subject

_TEXT = "the cat sat in the hat, naïve"
_SHORT = "then"
_NEW_TOKENS = 8


@check("checkpoint.tokens", "Strings become HF's tokens, with BOS and padding as the spec says.")
def tokens(subject: Subject) -> Iterator[Evidence]:
    """A tiny checkpoint with a byte-pair tokenizer is saved, and loaded by HF and by TL."""
    loaded, spec = _load(subject), subject.spec.tokenizer
    bridge = loaded.bridge
    for texts, prepend_bos, padding_side, claim in (
        ([_TEXT], False, "right", ""),
        ([_TEXT], spec.prepend_bos, "right", "tokenizer.prepend_bos"),
        ([_TEXT, _SHORT], spec.prepend_bos, spec.padding_side, "tokenizer.padding_side"),
    ):
        expected = _batch(loaded, texts, prepend_bos, padding_side).ids.tolist()
        given = texts if len(texts) > 1 else texts[0]
        # What the spec decides must be TL's default.
        found = bridge.to_tokens(given, prepend_bos=None if claim else prepend_bos).tolist()
        text = f"{given!r} becomes tokens {found}, HF's are {expected}"
        yield Fact(found == expected, text, claim=claim)


@check("checkpoint.config", "The config of a model that was loaded and wrapped can be saved again.")
def config(subject: Subject) -> Iterator[Evidence]:
    """HF refuses to write one that contradicts itself."""
    loaded = _load(subject)
    ours, theirs = _saved(loaded.bridge.original_model), _saved(loaded.model)
    # TL asks for patterns, and sets the padding token where HF has none.
    changed = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)} - {
        "output_attentions",
        "pad_token_id",
    }
    yield Fact(not changed, f"the saved config has other values of {', '.join(sorted(changed))}")


def _saved(model: Any) -> dict[str, Any]:
    """The config of a model as it is read back from a folder."""
    with tempfile.TemporaryDirectory() as folder:
        model.config.save_pretrained(folder)
        again: dict[str, Any] = type(model.config).from_pretrained(folder).to_dict()
    return again


@check("checkpoint.logits", "Logits of strings are HF's, from the checkpoint that both loaded.")
def logits(subject: Subject) -> Iterator[Evidence]:
    """One string, and two of different lengths, with the adapter's own policies for tokens."""
    loaded, claim = _read_back(subject), _known_cause(subject)
    side = loaded.bridge.tokenizer.padding_side
    for texts in ([_TEXT], [_TEXT, _SHORT]):
        batch = _batch(loaded, texts, loaded.bridge.cfg.default_prepend_bos, side)
        with torch.no_grad():
            ours = loaded.bridge(texts if len(texts) > 1 else texts[0])
            theirs = loaded.model(**batch.arguments, use_cache=False).logits
        difference = float("inf")
        if ours.shape == theirs.shape:
            difference = largest_difference(ours[batch.real], theirs[batch.real])
        yield Difference(f"the output for {len(texts)} strings", difference, claim=claim)


@check("checkpoint.generate", "Strings are continued as HF continues them, up to its end token.")
def generate(subject: Subject) -> Iterator[Evidence]:
    """One string, and two of different lengths, which generation pads on the left."""
    loaded, claim = _read_back(subject), _known_cause(subject)
    continued = [(texts, _continued(loaded, texts)) for texts in ([_TEXT], [_TEXT, _SHORT])]
    for texts, expected in continued:
        found = loaded.bridge.generate(
            texts if len(texts) > 1 else texts[0],
            max_new_tokens=_NEW_TOKENS, do_sample=False, verbose=False,
        )  # fmt: skip
        for one, other in zip([found] if isinstance(found, str) else found, expected, strict=True):
            yield Fact(one == other, f"generates {one!r}, HF {other!r}", claim=claim)


def _continued(loaded: Checkpoint, texts: Sequence[str]) -> list[str]:
    """HF's continuation of strings, if its cache changes nothing: else there is no right one."""
    tokenizer = loaded.tokenizer
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    batch = _batch(loaded, texts, loaded.bridge.cfg.default_prepend_bos, "left")
    added, uncached = (
        hf_continuation(loaded.model, batch, _NEW_TOKENS, use_cache=cached, **ends)
        for cached in (True, False)
    )
    if not torch.equal(added, uncached):
        raise NotApplicableError("HF itself generates other tokens with its cache than without")
    whole = torch.cat((batch.ids, added), dim=1)
    found: list[str] = tokenizer.batch_decode(whole, skip_special_tokens=True)
    return found


def _read_back(subject: Subject) -> Checkpoint:
    """The models that HF and TL loaded, if HF computes with its own what it did before.

    HF fills in what no checkpoint holds, such as the frequencies of positions, only where the
    class says how.
    """
    loaded, hf = _load(subject), _model(subject.hf)
    batch = hf.batch(len(_SHORT))
    try:
        with torch.no_grad():
            again = loaded.model(**batch.arguments, use_cache=False).logits
    except Exception as error:
        said = f"HF itself cannot run the model read back: {one_line(error)}"
        raise NotApplicableError(said) from None
    if not largest_difference(again, hf.logits(batch)) <= ROUNDED:
        raise NotApplicableError("HF itself computes something else with the model read back")
    return loaded


def _load(subject: Subject) -> Checkpoint:
    """The models that HF and TL loaded; TL asks HF for the model of a config's class."""
    config = subject.hf.config
    if type(config) not in AutoModelForCausalLM._model_mapping:
        said = f"HF loads no language model by a {type(config).__name__}"
        raise NotApplicableError(said)
    return _loaded(subject)


@once("HF's model for a checkpoint")
def _model(hf: HfModel) -> HfModel:
    return HfModel(hf.architecture, {**hf.settings, **checkpoint.settings(hf)})


@once("loading a checkpoint")
def _loaded(subject: Subject) -> Checkpoint:
    subject.require_bridge()
    hf = _model(subject.hf)
    hf.require_model()
    return checkpoint.load(subject.adapter, hf)


def _batch(loaded: Checkpoint, texts: Sequence[str], prepend_bos: bool, padding_side: str) -> Batch:
    """HF's tokens of strings, with a mask where there are several."""
    tokenizer = loaded.tokenizer
    start = tokenizer.bos_token if prepend_bos else ""
    found = tokenizer(
        [start + text for text in texts],
        padding=True, padding_side=padding_side, return_tensors="pt",
    )  # fmt: skip
    return Batch(found.input_ids, found.attention_mask if len(texts) > 1 else None)


def _known_cause(subject: Subject) -> str:
    """The claim that a difference follows from, if the bridge is wrong without a checkpoint too."""
    subject.require_pass()
    cause = first_divergence(subject)
    return cause.claim if cause else ""
