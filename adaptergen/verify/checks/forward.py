"""Does the bridge compute what HF computes?"""

from collections.abc import Iterator

from adaptergen.verify.check import Difference, Evidence, check, largest_difference
from adaptergen.verify.subject import Subject


@check("forward.logits", "Logits equal HF's.")
def logits(subject: Subject) -> Iterator[Evidence]:
    """The main pass."""
    difference = largest_difference(subject.trace.logits, subject.hf.seen.logits)
    yield Difference("the logits", difference)
