"""A failure that a spec declares, held against how the check fails."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from adaptergen.spec.verification import KnownFailure
from adaptergen.verify.record import Problem

# A difference that is so many times as large has another cause.
_SIZE = 3.0
# Rounding differs between machines, but a difference so many times as small is another.
_SLACK = 100.0
# A number that differs by layer or config; those in names such as ln1 stay.
_NUMBER = re.compile(r"(?<![A-Za-z_0-9])\d+(\.\d+)?(e[+-]?\d+)?")
_LAYER = re.compile(r"^layer \d+ ")
_CLAIM = re.compile(r"; contradicts [\w.]+$")


def others(problems: Sequence[Problem], known: KnownFailure) -> list[Problem]:
    """The problems that are not what the spec says, each told why."""
    told = ((problem, _objection(problem, known)) for problem in problems)
    return [replace(p, message=f"{p.message}, {why}") for p, why in told if why]


def too_broad(problems: Sequence[Problem], known: KnownFailure) -> list[Problem]:
    """The first problem, told each thing that the spec says of it and that is not so."""
    first, largest = problems[0], _largest(problems)
    unmet = [text for text in known.fails if not any(_meets(p, text) for p in problems)]
    told = [f"and nothing fails as '{text}'" for text in unmet]
    if known.by is not None and largest is not None and known.by > _SLACK * largest:
        told.append(f"and by no more than {largest:.1e}, the spec says {known.by:.1e}")
    return [replace(first, message=f"{first.message}, {why}") for why in told]


def as_known(problems: Sequence[Problem], reason: str) -> KnownFailure:
    """The declaration that a spec would make of these problems."""
    texts = dict.fromkeys(_NUMBER.sub("*", plain(problem)) for problem in problems)
    largest = _largest(problems)
    by = float(f"{largest:.1e}") if largest is not None else None
    return KnownFailure(reason=reason, fails=list(texts), by=by)


def _largest(problems: Sequence[Problem]) -> float | None:
    """The largest finite difference, where there is any."""
    differences = [p.difference for p in problems if p.difference is not None]
    return max(filter(math.isfinite, differences), default=None)


def _objection(problem: Problem, known: KnownFailure) -> str:
    """The part of a problem that the spec does not declare; nothing if it declares all of it."""
    if not any(_meets(problem, text) for text in known.fails):
        return "which is not the failure that the spec knows"
    difference = problem.difference
    if difference is None or (known.by is None and math.isinf(difference)):
        return ""
    if known.by is None:
        return "and the spec does not say by how much"
    return f"not by {known.by:.1e} as the spec says" if difference > _SIZE * known.by else ""


def _meets(problem: Problem, text: str) -> bool:
    """Whether a problem is one that the spec speaks of."""
    pattern = ".*".join(map(re.escape, text.split("*")))
    return bool(re.fullmatch(pattern, plain(problem)))


def plain(problem: Problem) -> str:
    """The fault without the layer, the difference and the claim."""
    return problem.what or _CLAIM.sub("", _LAYER.sub("", problem.message))
