"""Where the bridge first computes something else than HF: the cause, not its consequences."""

from adaptergen.verify.check import Difference, largest_difference
from adaptergen.verify.once import UnavailableError, once
from adaptergen.verify.stages import Stage
from adaptergen.verify.subject import Subject


def difference_at(subject: Subject, stage: Stage) -> float | None:
    """How far a hook's value is from HF's; nothing if the hook did not fire."""
    value = subject.trace.values.get(stage.name)
    return None if value is None else largest_difference(stage.view(value), stage.theirs)


@once("the first difference")
def first_divergence(subject: Subject) -> Stage | None:
    """The earliest activation of the main pass that differs."""
    try:
        for stage in subject.stages:
            if stage.exact and (difference_at(subject, stage) or 0.0) > subject.tolerance:
                return stage
    except UnavailableError:
        # Without HF's activations nothing can be located; another check reports that.
        pass
    return None


def traced(
    subject: Subject, what: str, value: float, layer: int | None = None, claim: str = ""
) -> Difference:
    """A difference that is blamed on the first activation that differs, else on `claim`."""
    cause = first_divergence(subject)
    if cause is None:
        return Difference(what, value, layer, claim)
    here = what if layer is None else f"blocks.{layer}.{what}"
    follows = "" if cause.name == here else cause.name
    return Difference(what, value, layer, cause.claim, follows)
