"""Where the bridge first computes something else than HF: the cause, not its consequences."""

from adaptergen.verify.check import Difference, largest_difference
from adaptergen.verify.once import UnavailableError, once
from adaptergen.verify.stage import Stage
from adaptergen.verify.subject import Subject

# What is larger hides something, as scores of tokens out of sight do.
_HIDING = 1e30


def difference_at(subject: Subject, stage: Stage) -> float | None:
    """How far a hook's value is from HF's; nothing if the hook did not fire.

    Rounding grows with what is rounded: it is relative to HF's largest value where that is above 1.
    """
    value = subject.trace.values.get(stage.name)
    if value is None:
        return None
    sizes = stage.theirs.detach().abs().double()
    largest = float(sizes.masked_fill(sizes > _HIDING, 0.0).nan_to_num().max())
    return largest_difference(stage.view(value), stage.theirs) / max(1.0, largest)


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
