"""Does the bridge compute in 16 bits as well as HF does?

What may differ there is measured, not guessed. HF computes in 16 bits, and in float64 with the same
rounded weights: how far these are apart is HF's own rounding error. Two computations that are each
no further than that from the exact values are at most two such errors apart; this is the tolerance,
and differences are given in units of HF's error.
"""

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import Difference, Evidence, check, largest_difference
from adaptergen.verify.divergence import first_divergence
from adaptergen.verify.hf import Batch
from adaptergen.verify.subject import Subject

_ERRORS = 2.0


@check("precision.bfloat16", "Logits in bfloat16 are HF's within rounding.", tolerance=_ERRORS)
def bfloat16(subject: Subject) -> Iterator[Evidence]:
    """The main batch, and it again padded on the left: masks are the largest numbers there are."""
    yield from _compared(subject, torch.bfloat16)


@check("precision.float16", "Logits in float16 are HF's within rounding.", tolerance=_ERRORS)
def float16(subject: Subject) -> Iterator[Evidence]:
    """As in bfloat16, with numbers more exact and less large."""
    yield from _compared(subject, torch.float16)


def _compared(subject: Subject, dtype: torch.dtype) -> Iterator[Evidence]:
    hf = subject.hf
    cause = first_divergence(subject) if subject.trace else None
    name = str(dtype).removeprefix("torch.")
    rounded = hf.once.get(f"HF's model in {name}", partial(_rounded, hf.model, dtype))
    bridge = bridges.wrap(subject.adapter, hf.architecture, copy.deepcopy(rounded))
    for what, batch in (("output", hf.batch(hf.length)), ("padded output", hf.padded("left"))):
        theirs, error = hf.once.get(f"HF's {what} in {name}", partial(_run, rounded, batch))
        difference = largest_difference(bridges.logits(bridge, batch)[batch.real], theirs)
        text = f"the {what} in {name}, in units of HF's own error of {error:.1e},"
        # Where HF makes no error, there is no room for any difference.
        errors = difference / (error or torch.finfo(torch.float64).tiny)
        yield Difference(text, errors, claim=cause.claim if cause else "")


def _rounded(model: Any, dtype: torch.dtype) -> Any:
    """A copy with rounded parameters; buffers keep the float32 in which HF loads them."""
    found = copy.deepcopy(model).float()
    for parameter in found.parameters():
        parameter.data = parameter.data.to(dtype)
    return found


def _run(rounded: Any, batch: Batch) -> tuple[Tensor, float]:
    """Logits [token, vocab] of real tokens, and the largest error in them."""
    with torch.no_grad():
        one, exact = (
            model(**batch.arguments, use_cache=False).logits[batch.real]
            for model in (rounded, copy.deepcopy(rounded).double())
        )
    return one, largest_difference(one, exact)
