"""What is said of TransformerLens' own tests: each failure has a reason, each reason a failure."""

from collections.abc import Iterable

import pytest

from tests.upstream.run import Difference, Outcomes, complaints, listed, page

BASE = "test_a.py::TestIt::"


def outcomes(passed: Iterable[str], failed: Iterable[str]) -> Outcomes:
    return Outcomes(
        frozenset(BASE + name for name in passed),
        {BASE + name: "AssertionError" for name in failed},
    )


OWN = outcomes(["one", "two", "three"], ["broken"])


@pytest.mark.parametrize(
    ("failed", "patterns", "expected"),
    [
        ([], [], []),
        (["broken"], [], []),
        (["two"], [f"{BASE}two"], []),
        (["two"], [], [f"{BASE}two: AssertionError"]),
        (["two", "three"], ["*::t*"], []),
        ([], ["*::two"], ["*::two is listed, and nothing of it fails"]),
        (["one"], ["*::two", "*::one"], ["*::two is listed, and nothing of it fails"]),
    ],
)
def test_failures_and_reasons_must_match(
    failed: list[str], patterns: list[str], expected: list[str]
) -> None:
    ours = outcomes({"one", "two", "three"} - {*failed}, failed)
    known = [Difference("Meant.", tuple(patterns))] if patterns else []
    assert list(complaints(OWN, ours, known)) == expected


def test_no_more_than_a_hundred_may_be_listed() -> None:
    many = [str(number) for number in range(101)]
    found = complaints(outcomes(many, []), outcomes([], many), [Difference("Meant.", ("*",))])
    assert list(found) == ["101 tests are listed, 100 may be"]


def test_the_page_names_each_test_under_its_reason() -> None:
    text = page(OWN, outcomes(["one"], ["two", "three"]), [Difference("Meant.", ("*",))], "4.3.0")
    assert f"## Meant. (2)\n\n- `{BASE}three`\n- `{BASE}two`" in text


def test_every_reason_says_something() -> None:
    assert all(entry.reason.endswith(".") and entry.tests for entry in listed())
