"""Do the weight-processing steps that the spec calls invalid change what the model computes?"""

from collections.abc import Iterator
from typing import Any

from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter

from adaptergen.spec.processing import Invalid, InvalidWhere
from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.checks.weights import PROCESSED
from adaptergen.verify.perturb import shown
from adaptergen.verify.subject import Subject


@check("claims.processing", "Processing steps that the spec calls invalid do change the model.")
def processing(subject: Subject) -> Iterator[Evidence]:
    """Each is made all the same and the log-probabilities compared; valid ones have a check.

    Where the spec calls a step invalid under a config key, that key is set.
    """
    for step in type(subject.spec.processing).model_fields:
        said = getattr(subject.declared.processing, step)
        where = {said.invalid_where.key: True} if isinstance(said, InvalidWhere) else {}
        meant = subject.variant(**where) if where else subject
        invalid = isinstance(getattr(meant.spec.processing, step), Invalid)
        needless = invalid and _keeps_function(meant, step)
        setting = f" with {shown(where)}" if where else ""
        text = f"{step} keeps the log-probabilities{setting}, the spec calls it invalid"
        yield Fact(not needless, text, claim=f"processing.{step}")


def _keeps_function(subject: Subject, step: str) -> bool:
    """Whether a step, done against the adapter's will, leaves the model as it was."""
    steps = {f"supports_{step}", "supports_compatibility_mode"}
    adapter = _allowing(subject.adapter, steps)
    # Asked for first: if HF itself fails, the step is not to blame.
    assert subject.hf.seen is not None
    bridge = bridges.boot(adapter, subject.hf)
    try:
        compatible = bridges.made_compatible(bridge)
        return bridges.log_probability_difference(compatible, subject.hf) <= PROCESSED
    except Exception:
        # A step that TL cannot even make is as invalid as one that changes the model.
        return False


def _allowing(adapter: type[ArchitectureAdapter], steps: set[str]) -> type[ArchitectureAdapter]:
    """The adapter, with TL told that these steps are valid."""

    class Allowing(adapter):  # type: ignore[misc, valid-type]
        def __init__(self, cfg: Any) -> None:
            super().__init__(cfg)
            self._allow()

        def prepare_model(self, hf_model: Any) -> None:
            super().prepare_model(hf_model)
            self._allow()

        def _allow(self) -> None:
            for step in steps:
                setattr(self, step, True)

    return Allowing
