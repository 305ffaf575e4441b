"""A failure that a spec declares, held against how the check fails."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from adaptergen.spec.verification import KnownFailure
from adaptergen.verify.record import Problem

# A difference that is so many times as large has another cause.
_SIZE = 3.0
# A number that differs by layer or config; those in names such as ln1 stay.
_NUMBER = re.compile(r"(?<![A-Za-z_0-9])\d+(\.\d+)?(e[+-]?\d+)?")
_LAYER = re.compile(r"^layer \d+ ")
_CLAIM = re.compile(r"; contradicts [\w.]+$")


def others(problems: Sequence[Problem], known: KnownFailure) -> list[Problem]:
    """The problems that are not what the spec says, each told why."""
    told = ((problem, _objection(problem, known)) for problem in problems)
    return [replace(p, message=f"{p.message}, {why}") for p, why in told if why]


def as_known(problems: Sequence[Problem], reason: str) -> KnownFailure:
    """The declaration that a spec would make of these problems."""
    texts = dict.fromkeys(_NUMBER.sub("*", plain(problem)) for problem in problems)
    differences = [p.difference for p in problems if p.difference is not None]
    finite = [value for value in differences if math.isfinite(value)]
    by = float(f"{max(finite):.1e}") if finite else None
    return KnownFailure(reason=reason, fails=list(texts), by=by)


def _objection(problem: Problem, known: KnownFailure) -> str:
    """The part of a problem that the spec does not declare; nothing if it declares all of it."""
    patterns = (".*".join(map(re.escape, text.split("*"))) for text in known.fails)
    if not any(re.fullmatch(pattern, plain(problem)) for pattern in patterns):
        return "which is not the failure that the spec knows"
    difference = problem.difference
    if difference is None or (known.by is None and math.isinf(difference)):
        return ""
    if known.by is None:
        return "and the spec does not say by how much"
    return f"not by {known.by:.1e} as the spec says" if difference > _SIZE * known.by else ""


def plain(problem: Problem) -> str:
    """The fault without the layer, the difference and the claim."""
    return problem.what or _CLAIM.sub("", _LAYER.sub("", problem.message))
