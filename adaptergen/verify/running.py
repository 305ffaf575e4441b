"""Runs checks on a subject, and goes on whatever a broken adapter does."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from adaptergen.spec.verification import KnownFailure
from adaptergen.temporary import refuse_full
from adaptergen.verify.check import Check, Evidence, Fact, NotApplicableError, judge, skipped, wrong
from adaptergen.verify.known import others, too_broad
from adaptergen.verify.once import UnavailableError, one_line
from adaptergen.verify.precision import comparable
from adaptergen.verify.record import CheckResult, Problem, Status
from adaptergen.verify.subject import Subject
from adaptergen.verify.versions import exceptions_apply


def run_checks(
    subject: Subject, checks: Sequence[Check], announce: Callable[[Check], None] = lambda _: None
) -> list[CheckResult]:
    """One result per check, in order.

    What several checks need and cannot have is the failure of the first of them; the others are
    skipped and refer to it.

    Raises:
        Unusable: if the folder for temporary files is full.
    """
    blamed: dict[str, str] = {}
    results = []
    with comparable():
        for check in checks:
            announce(check)
            started = time.perf_counter()
            result = _run_one(subject, check.tolerating(subject.tolerance), blamed)
            if check.name in subject.known:
                result = _as_known(result, subject.known[check.name])
            results.append(replace(result, seconds=round(time.perf_counter() - started, 4)))
    return results


def _as_known(result: CheckResult, known: KnownFailure) -> CheckResult:
    """The result of a check that the spec says fails, which one that says nothing does not deny."""
    reason = known.reason
    passed = result.status is Status.PASSED
    if result.status is Status.SKIPPED or (passed and not exceptions_apply()):
        return result
    new = others(result.problems, known)
    if not new and result.problems and exceptions_apply():
        new = too_broad(result.problems, known)
    if new:
        first, problems = new[0], tuple(new)
        message, layer, claim = first.message, first.layer, first.claim
        return replace(result, message=message, layer=layer, claim=claim, problems=problems)
    if result.status is Status.FAILED:
        text = f"limit: {reason} ({result.message})"
        return replace(result, status=Status.KNOWN, message=text, problems=())
    problem = Problem(f"does not fail, the spec says: {reason}", claim="verification.checks")
    return replace(result, status=Status.FAILED, message=problem.message, problems=(problem,))


def _run_one(subject: Subject, check: Check, blamed: dict[str, str]) -> CheckResult:
    gathered: list[Evidence] = []
    try:
        gathered.extend(check.examine(subject))
    except NotApplicableError as reason:
        if not wrong(check, gathered):
            return skipped(check, str(reason))
    except UnavailableError as error:
        if error.what in blamed and not wrong(check, gathered):
            return skipped(check, f"needs {error.what}, see {blamed[error.what]}")
        refuse_full(error)
        blamed.setdefault(error.what, check.name)
        failed = Fact(False, f"{error.what} failed: {error.reason}")
        # The check may have said it, and which claim is to blame.
        said = [fact.message for fact in gathered if isinstance(fact, Fact)]
        gathered += [] if failed.message in said else [failed]
    except Exception as error:
        refuse_full(error)
        gathered.append(Fact(False, f"raised {one_line(error, subject.module_path)}"))
    return judge(check, gathered)
