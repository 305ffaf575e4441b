"""A check: a small named unit that examines a subject and gathers evidence."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from torch import Tensor

from adaptergen.verify.once import NotApplicableError as NotApplicableError
from adaptergen.verify.record import CheckResult, Problem, Status

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject

# In float64 a right adapter agrees to the last bit or nearly so.
EXACT = 1e-9
# Where the spec says that something is computed in float32.
ROUNDED = 1e-5


@dataclass(frozen=True)
class Fact:
    """Something that holds or not; `message` says what is wrong when it does not."""

    holds: bool
    message: str
    layer: int | None = None
    claim: str = ""


@dataclass(frozen=True)
class Difference:
    """The largest difference between two values that should be equal; `what` names them.

    `follows` is the activation where bridge and HF first differ, if this is a consequence of it.
    `tolerance` replaces the check's own.
    """

    what: str
    value: float
    layer: int | None = None
    claim: str = ""
    follows: str = ""
    tolerance: float | None = None


Evidence: TypeAlias = Fact | Difference
Examine: TypeAlias = "Callable[[Subject], Iterable[Evidence]]"


@dataclass(frozen=True)
class Check:
    """A check of the battery.

    `claim` is the path of the spec's claim that a failure contradicts, unless the evidence names
    a more precise one. `tolerance` is what a `Difference` may be, in units of HF's own rounding
    error if the check is `relative`.
    """

    name: str
    description: str
    claim: str
    tolerance: float
    examine: Examine
    relative: bool = False

    @property
    def group(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]

    def tolerating(self, tolerance: float) -> "Check":
        """The same check, with exact values compared to that tolerance."""
        exact = self.tolerance == EXACT
        return replace(self, tolerance=tolerance) if exact else self


def check(
    name: str,
    description: str,
    *,
    claim: str = "",
    tolerance: float = EXACT,
    relative: bool = False,
) -> Callable[[Examine], Check]:
    """Make a `Check` of a function that yields the evidence."""
    return lambda examine: Check(name, description, claim, tolerance, examine, relative)


def largest_difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest absolute difference; infinite if shapes differ or one value is not a number.

    What is infinite in both, as masked scores are, is the same.
    """
    if ours.shape != theirs.shape:
        return math.inf
    if not ours.numel():
        return 0.0
    apart = (ours.double() - theirs.double()).abs()
    worst = float(apart.max())
    if math.isnan(worst):
        worst = float(apart.masked_fill(ours == theirs, 0.0).max())
    return math.inf if math.isnan(worst) else worst


def wrong(check: Check, gathered: Sequence[Evidence]) -> list[Problem]:
    """The fault that the evidence shows."""
    return [problem for evidence in gathered if (problem := _problem(check, evidence))]


def judge(check: Check, gathered: Sequence[Evidence]) -> CheckResult:
    """The result that the evidence leads to. A check that found nothing to examine has failed."""
    problems = wrong(check, gathered or [Fact(False, "found nothing to examine")])
    worst = max((e.value for e in gathered if isinstance(e, Difference)), default=None)
    first = problems[0] if problems else Problem("")
    return CheckResult(
        check=check.name,
        group=check.group,
        status=Status.FAILED if problems else Status.PASSED,
        message=first.message,
        layer=first.layer,
        claim=first.claim,
        worst=worst,
        tolerance=None if worst is None else check.tolerance,
        by_layer=_by_layer(gathered),
        problems=tuple(problems),
        relative=check.relative,
    )


def _by_layer(gathered: Sequence[Evidence]) -> tuple[tuple[int | None, float], ...]:
    """The largest difference of each layer in order; that of the model as a whole comes last."""
    worst: dict[int | None, float] = {}
    for evidence in gathered:
        if isinstance(evidence, Difference):
            worst[evidence.layer] = max(evidence.value, worst.get(evidence.layer, 0.0))
    numbered = sorted(layer for layer in worst if layer is not None)
    order = [*numbered, *([None] if None in worst else [])]
    return tuple((layer, worst[layer]) for layer in order)


def skipped(check: Check, reason: str) -> CheckResult:
    """The result of a check that could say nothing, and why."""
    return CheckResult(check.name, check.group, Status.SKIPPED, reason)


def _problem(check: Check, evidence: Evidence) -> Problem | None:
    claim = evidence.claim or check.claim
    if isinstance(evidence, Fact):
        if evidence.holds:
            return None
        return Problem(_said(evidence.message, evidence.layer, claim), evidence.layer, claim)
    tolerance = check.tolerance if evidence.tolerance is None else evidence.tolerance
    if evidence.value <= tolerance:
        return None
    by = "in shape or is not a number" if math.isinf(evidence.value) else f"by {evidence.value:.1e}"
    first = f", first at {evidence.follows}" if evidence.follows else ""
    text = f"{evidence.what} differs from HF {by} (tolerance {tolerance:.0e}){first}"
    said = _said(text, evidence.layer, claim)
    return Problem(said, evidence.layer, claim, evidence.value, evidence.follows, evidence.what)


def _said(text: str, layer: int | None, claim: str) -> str:
    where = "" if layer is None else f"layer {layer} "
    return f"{where}{text}" + (f"; contradicts {claim}" if claim else "")
