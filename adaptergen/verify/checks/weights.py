"""Are TL's views of the weights HF's weights, and does processing keep the model's function?"""

from collections.abc import Iterator

from adaptergen.spec.processing import Invalid
from adaptergen.verify.check import (
    Difference,
    Evidence,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.subject import Subject

# TL computes parts of the processing in float32.
PROCESSED = 1e-5


@check(
    "weights.compatibility",
    "Log-probabilities equal HF's after folding and centring.",
    claim="processing.compatibility_mode",
    tolerance=PROCESSED,
)
def compatibility(subject: Subject) -> Iterator[Evidence]:
    """Logits may shift by a constant, log-probabilities may not."""
    validity = subject.spec.processing.compatibility_mode
    if isinstance(validity, Invalid):
        raise NotApplicableError(f"the spec declares it invalid: {validity.invalid}")
    ours = subject.compatible_logits(subject.hf.batch(subject.hf.length))
    theirs = subject.hf.seen.logits
    yield Difference(
        "the log-probabilities in compatibility mode",
        largest_difference(ours.log_softmax(-1), theirs.log_softmax(-1)),
    )
