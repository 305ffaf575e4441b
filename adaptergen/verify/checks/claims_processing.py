"""Do the weight-processing steps that the spec calls invalid change what the model computes?"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter

from adaptergen.spec.processing import Invalid, InvalidWhere, Validity
from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import Evidence, Fact, check, largest_difference
from adaptergen.verify.checks.weights import PROCESSED
from adaptergen.verify.perturb import shown
from adaptergen.verify.subject import Subject


@check("claims.processing", "Processing steps that the spec calls invalid do change the model.")
def processing(subject: Subject) -> Iterator[Evidence]:
    """Each is made all the same and the log-probabilities compared; valid ones have a check.

    Where the spec calls a step invalid under a config key, that key is set. A step must be
    invalid for models with other biases too.
    """
    for step in type(subject.spec.processing).model_fields:
        for where in _settings(subject, getattr(subject.declared.processing, step)):
            meant = subject.variant(**where) if where else subject
            invalid = isinstance(getattr(meant.spec.processing, step), Invalid)
            needless = invalid and _keeps_function(meant, step)
            setting = f" with {shown(where)}" if where else ""
            text = f"{step} keeps the log-probabilities{setting}, the spec calls it invalid"
            yield Fact(not needless, text, claim=f"processing.{step}")


def _settings(subject: Subject, said: Validity) -> list[dict[str, Any]]:
    """The config changes under which a step may be invalid."""
    if not isinstance(said, Invalid | InvalidWhere):
        return [{}]
    where = {said.invalid_where.key: True} if isinstance(said, InvalidWhere) else {}
    keys = {key for key in subject.spec.attention.biases.values() if isinstance(key, str)}
    others = sorted(keys - where.keys())
    return [where, *({**where, key: not getattr(subject.hf.config, key, False)} for key in others)]


def _keeps_function(subject: Subject, step: str) -> bool:
    """Whether a step, done against the adapter's will, leaves the model as it was.

    Compatibility mode, in which it is done, may be invalid too: then it must do no more harm.
    """
    # Asked for first: if HF itself fails, the step is not to blame.
    theirs = subject.hf.seen.logits.log_softmax(-1)
    compatible = "supports_compatibility_mode"
    try:
        found = _log_probabilities(subject, {compatible, f"supports_{step}"})
        if largest_difference(found, theirs) <= PROCESSED:
            return True
        if step == "compatibility_mode":
            return False
        without = _log_probabilities(subject, {compatible})
    except Exception:
        # A step that TL cannot even make is as invalid as one that changes the model.
        return False
    harmful = largest_difference(without, theirs) > PROCESSED
    return harmful and largest_difference(found, without) <= PROCESSED


def _log_probabilities(subject: Subject, steps: set[str]) -> Tensor:
    """Log-probabilities in compatibility mode when TL is told that these steps are valid."""
    adapter = _allowing(subject.adapter, steps)
    bridge = bridges.made_compatible(subject.boot(adapter))
    return bridges.stepwise_logits(bridge, subject.hf.batch(subject.hf.length)).log_softmax(-1)


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
