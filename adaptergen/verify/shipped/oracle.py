"""Abilities of HF's own model: where it fails itself, an adapter is held against nothing."""

import copy

import torch

from adaptergen.verify.check import EXACT, largest_difference
from adaptergen.verify.decoding import hf_continuation, hf_in_chunks
from adaptergen.verify.hf import Batch, HfModel
from adaptergen.verify.once import MissingError, UnavailableError


def distrust(hf: HfModel) -> str:
    """Why HF's model is no oracle; nothing if it runs, and a copy of it and a second run agree."""
    try:
        logits = hf.seen.logits
    except UnavailableError as error:
        return f"{error.what} failed: {error.reason}"
    if not bool(logits.isfinite().all()):
        return "HF's own logits are not finite"
    batch = hf.batch(hf.length)
    with torch.no_grad():
        copied = copy.deepcopy(hf.model)(batch.ids).logits
    for what, again in (("a second run", hf.logits(batch)), ("a copy", copied)):
        difference = largest_difference(again, logits)
        if difference > EXACT:
            return f"{what} of HF's model differs from it by {difference:.1e}"
    return ""


def padding_moves(hf: HfModel, side: str) -> float:
    """How far HF's logits of real tokens are from those of the same tokens without padding."""
    batch = hf.padded(side)
    together = hf.logits(batch)
    worst = 0.0
    for row, mask in enumerate(batch.real):
        alone = hf.logits(Batch(batch.ids[row : row + 1, mask]))
        worst = max(worst, largest_difference(together[row : row + 1, mask], alone))
    return worst


def in_chunks(hf: HfModel) -> object:
    """Read a batch in chunks; raises where HF cannot."""
    return hf_in_chunks(hf, hf.batch(hf.length), (0, 5, hf.length))


def in_padded_chunks(hf: HfModel) -> object:
    """Likewise where tokens at the start are padding."""
    return hf_in_chunks(hf, hf.padded("left"), (0, 5, hf.length))


def continued(hf: HfModel) -> object:
    """Generate behind a padded batch; raises also where HF's cache changes what HF generates."""
    batch, count = hf.padded("left"), 4
    found = hf_continuation(hf.model, batch, count, pad_token_id=0)
    ids, mask = batch.ids, batch.mask
    for _ in range(count):
        chosen = hf.logits(Batch(ids, mask))[:, -1:].argmax(-1)
        ids = torch.cat((ids, chosen), dim=1)
        mask = None if mask is None else torch.cat((mask, torch.ones_like(chosen)), dim=1)
    if not torch.equal(ids[:, -count:], found):
        raise MissingError("with its cache it generates other tokens than without")
    return found
