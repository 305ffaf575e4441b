"""Do the weight-processing steps that the spec calls invalid change what the model computes?"""

from collections.abc import Iterator
from typing import Any

from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter

from adaptergen.spec.processing import Invalid
from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import Evidence, Fact, check, largest_difference
from adaptergen.verify.checks.weights import PROCESSED
from adaptergen.verify.subject import Subject


@check("claims.processing", "Processing steps that the spec calls invalid do change the model.")
def processing(subject: Subject) -> Iterator[Evidence]:
    """Each is made all the same and the log-probabilities compared; valid ones have a check."""
    spec = subject.spec.processing
    for step in type(spec).model_fields:
        needless = isinstance(getattr(spec, step), Invalid) and _keeps_function(subject, step)
        text = f"{step} keeps the log-probabilities, the spec calls it invalid"
        yield Fact(not needless, text, claim=f"processing.{step}")


def _keeps_function(subject: Subject, step: str) -> bool:
    """Whether a step, done against the adapter's will, leaves the model as it was."""
    steps = {f"supports_{step}", "supports_compatibility_mode"}
    adapter = _allowing(subject.adapter, steps)
    theirs = subject.hf.seen.logits
    bridge = bridges.boot(adapter, subject.hf)
    try:
        compatible = bridges.made_compatible(bridge)
        ours = bridges.logits(compatible, subject.hf.batch(subject.hf.length))
    except Exception:
        # A step that TL cannot even make is as invalid as one that changes the model.
        return False
    return largest_difference(ours.log_softmax(-1), theirs.log_softmax(-1)) <= PROCESSED


def _allowing(adapter: type[ArchitectureAdapter], steps: set[str]) -> type[ArchitectureAdapter]:
    """The adapter, with TL told that these steps are valid."""

    class Allowing(adapter):  # type: ignore[misc, valid-type]
        def __init__(self, cfg: Any) -> None:
            super().__init__(cfg)
            for step in steps:
                setattr(self, step, True)

    return Allowing
