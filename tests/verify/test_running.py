"""How checks end: failed, passed, or skipped for a reason."""

from collections.abc import Iterator

import pytest

from adaptergen.spec.verification import KnownFailure
from adaptergen.verify.check import Evidence, Fact, NotApplicableError, check
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.record import CheckResult, Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load


@check("sample.holds", "Holds.")
def holds(subject: Subject) -> Iterator[Evidence]:
    yield Fact(True, "is off")


@check("sample.fails", "Fails.")
def fails(subject: Subject) -> Iterator[Evidence]:
    yield Fact(False, "is off")


@check("sample.silent", "Examines nothing.")
def silent(subject: Subject) -> Iterator[Evidence]:
    yield from ()


@check("sample.inapplicable", "Does not apply.")
def inapplicable(subject: Subject) -> Iterator[Evidence]:
    yield Fact(True, "is off")
    raise NotApplicableError("there is no more to look at")


@check("sample.fails_first", "Fails, and then does not apply.")
def fails_first(subject: Subject) -> Iterator[Evidence]:
    yield Fact(False, "is off")
    raise NotApplicableError("there is no more to look at")


@check("sample.needs", "Needs what there is not.")
def needs(subject: Subject) -> Iterator[Evidence]:
    raise UnavailableError("the bridge", "no such module")
    yield


@check("sample.needs_too", "Needs it too.")
def needs_too(subject: Subject) -> Iterator[Evidence]:
    yield from needs.examine(subject)


ALL = (holds, fails, silent, inapplicable, fails_first, needs, needs_too)


def results(known: tuple[str, ...] = ()) -> dict[str, CheckResult]:
    spec = load("llama").spec
    failure = KnownFailure(reason="Why.", fails=["is off"])
    verification = spec.verification.model_copy(update={"checks": dict.fromkeys(known, failure)})
    subject = Subject(spec.model_copy(update={"verification": verification}), "unused.py")
    return {result.check.partition(".")[2]: result for result in run_checks(subject, ALL)}


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("holds", Status.PASSED, ""),
        ("fails", Status.FAILED, "is off"),
        ("silent", Status.FAILED, "found nothing to examine"),
        ("inapplicable", Status.SKIPPED, "there is no more to look at"),
        ("fails_first", Status.FAILED, "is off"),
        ("needs", Status.FAILED, "the bridge failed: no such module"),
        ("needs_too", Status.SKIPPED, "needs the bridge, see sample.needs"),
    ],
)
def test_how_a_check_ends(name: str, status: Status, message: str) -> None:
    result = results()[name]
    assert (result.status, result.message) == (status, message)


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("holds", Status.FAILED, "does not fail, the spec says: Why."),
        ("fails", Status.KNOWN, "limit: Why. (is off)"),
        ("inapplicable", Status.SKIPPED, "there is no more to look at"),
        (
            "silent",
            Status.FAILED,
            "found nothing to examine, which is not the failure that the spec knows",
        ),
        ("needs_too", Status.SKIPPED, "needs the bridge, see sample.needs"),
    ],
)
def test_how_a_check_ends_that_the_spec_says_fails(name: str, status: Status, message: str) -> None:
    result = results(known=(f"sample.{name}",))[name]
    assert (result.status, result.message) == (status, message)
