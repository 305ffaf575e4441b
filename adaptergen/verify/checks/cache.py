"""Does the bridge work with HF's cache of keys and values, as generation does?"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from adaptergen.verify.check import (
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.decoding import (
    borders_of,
    bridge_continuation,
    bridge_in_chunks,
    hf_continuation,
    hf_in_chunks,
)
from adaptergen.verify.divergence import first_divergence, traced
from adaptergen.verify.hf import Batch, HfModel
from adaptergen.verify.once import UnavailableError, once
from adaptergen.verify.subject import Subject

T = TypeVar("T")

_NEW_TOKENS = 8


@check("cache.prefill", "A text given in chunks, with a cache, gets the logits that HF gives it.")
def prefill(subject: Subject) -> Iterator[Evidence]:
    """Chunks of different lengths, the last one a single token; windows reach over the borders.

    HF is given the same chunks: for a few architectures the whole at once is something else.
    """
    yield from _in_chunks(subject, subject.hf.batch(subject.hf.length), "in chunks")


@check("cache.padding", "A left-padded batch given in chunks gets HF's logits too.")
def padding(subject: Subject) -> Iterator[Evidence]:
    """Positions in the later chunks follow from the mask of all of them."""
    yield from _in_chunks(subject, subject.hf.padded("left"), "in chunks, left-padded,")


@check("cache.generate", "Greedy generation continues texts with the tokens that HF chooses.")
def generate(subject: Subject) -> Iterator[Evidence]:
    """A batch without padding and a left-padded one, each longer than the windows.

    Implementations of attention may differ in what padding sees, and a cache may keep that.
    """
    hf, implementation = subject.hf, subject.attention_implementation
    subject.require_pass()
    cause = first_divergence(subject)
    claim = cause.claim if cause else ""
    for what, batch in (("a batch", hf.batch(hf.length)), ("a padded batch", hf.padded("left"))):
        theirs = _from_hf(partial(_continued, hf, implementation, batch))
        ours = bridge_continuation(subject.bridge, batch, _NEW_TOKENS).tolist()
        for row, (found, expected) in enumerate(zip(ours, theirs, strict=True)):
            text = f"row {row} of {what} is continued with tokens {found}, HF's are {expected}"
            yield Fact(found == expected, text, claim=claim)


def _from_hf(make: Callable[[], T]) -> T:
    """The result of HF's cache; with some configs, such as a window of one token, HF fails."""
    try:
        return make()
    except UnavailableError as error:
        raise NotApplicableError(f"HF itself fails with a cache: {error.reason}") from error


@once("HF's continuation with {implementation}")
def _continued(hf: HfModel, implementation: str, batch: Batch) -> list[list[int]]:
    found = hf_continuation(hf.computing(implementation), batch, _NEW_TOKENS, pad_token_id=0)
    rows: list[list[int]] = found.tolist()
    return rows


def _in_chunks(subject: Subject, batch: Batch, how: str) -> Iterator[Evidence]:
    subject.require_pass()
    borders = borders_of(batch)
    theirs = _from_hf(partial(hf_in_chunks, subject.hf, batch, borders))
    ours = bridge_in_chunks(subject.bridge, batch, borders)
    difference = largest_difference(ours[batch.real], theirs[batch.real])
    yield traced(subject, f"the output {how}", difference)
