"""Faults in the order of explanation: causes first, then what follows from them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adaptergen.verify.record import Problem, Record

# They look at the spec, HF's model and the adapter before anything is computed.
_BEFORE_COMPUTING = ("claims", "boot", "config")
# They fail where all else is as the spec says.
_CONCLUSIVE = ("claims.refused",)
_NUMBER = re.compile(r"(?<!\w)\d+(\.\d+)?(e[+-]?\d+)?(?!\w)")
_SHARED = 2


@dataclass(frozen=True)
class Wrong:
    """A problem, with the check that found it."""

    check: str
    problem: Problem

    @property
    def raised(self) -> bool:
        """Whether the check could not go on, which may follow from what others found."""
        return self.problem.message.startswith("raised ") or " failed: " in self.problem.message

    @property
    def kind(self) -> str:
        """A fault without the numbers in which architectures differ."""
        if self.problem.what:
            return f"{self.problem.what} differs from HF"
        return _NUMBER.sub("#", self.problem.message)


@dataclass(frozen=True)
class Diagnosis:
    """The problems of one record.

    `divergence` is the activation where bridge and HF first differ, if they do. Until that is
    mended, no other difference can be told from a consequence of it.
    """

    divergence: str
    causes: tuple[Wrong, ...]
    consequences: tuple[Wrong, ...]

    @property
    def checks(self) -> dict[str, list[Problem]]:
        """The causes by check, in order."""
        return _by_check(self.causes)

    @property
    def said(self) -> list[tuple[str, str]]:
        """The causes in words, each with its check."""
        return [
            (check, text) for check, found in self.checks.items() for text in over_layers(found)
        ]

    @property
    def following(self) -> dict[str, list[Problem]]:
        """The consequences by check, in order; without checks that also found a cause."""
        own = {wrong.check for wrong in self.causes}
        return _by_check(wrong for wrong in self.consequences if wrong.check not in own)


@dataclass(frozen=True)
class Common:
    """A check that fails in several architectures, and what it says in most of them."""

    check: str
    kind: str
    specs: tuple[str, ...]
    alike: int

    def said(self, total: int) -> str:
        """In a line: in how many of all it fails, and what most of them say."""
        count = len(self.specs)
        if self.alike == 1:
            return f"{self.check} fails in {count} of {total}, each in its own way"
        most = "" if self.alike == count else f"in {self.alike} of them "
        return f"{self.check} fails in {count} of {total}: {most}{self.kind}"


def diagnose(record: Record) -> Diagnosis:
    """Sort the problems of a record: claims, the adapter itself, the first activation, the rest.

    A claim that is named comes before the facet that it is in.
    """
    found = [Wrong(r.check, problem) for r in record.failures for problem in r.problems]
    divergence = next((w.problem.follows for w in found if w.problem.follows), "")
    causes = [wrong for wrong in found if not _follows(wrong, divergence)]
    consequences = [wrong for wrong in found if _follows(wrong, divergence)]
    if divergence and not any(wrong.problem.place == divergence for wrong in causes):
        # No check looked there itself; the first consequence names it.
        first = next(wrong for wrong in consequences if wrong.problem.follows == divergence)
        consequences.remove(first)
        causes.append(first)
    named = [wrong.problem.claim for wrong in causes if wrong.check.startswith(_BEFORE_COMPUTING)]
    causes.sort(
        key=lambda wrong: (
            _rank(wrong, divergence),
            wrong.check not in _CONCLUSIVE,
            wrong.raised,
            any(claim.startswith(f"{wrong.problem.claim}.") for claim in named),
        )
    )
    return Diagnosis(divergence, tuple(causes), tuple(consequences))


def common(records: Sequence[Record]) -> list[Common]:
    """Faults that several architectures have in common, the most frequent first."""
    found: dict[str, dict[str, str]] = {}
    for record in records:
        for wrong in diagnose(record).causes:
            found.setdefault(wrong.check, {}).setdefault(record.spec, wrong.kind)
    shared = [_common(check, kinds) for check, kinds in found.items() if len(kinds) >= _SHARED]
    return sorted(shared, key=lambda one: -len(one.specs))


def _common(check: str, kinds: dict[str, str]) -> Common:
    said = list(kinds.values())
    most = max(said, key=said.count)
    return Common(check, most, tuple(kinds), said.count(most))


def _follows(wrong: Wrong, divergence: str) -> bool:
    problem = wrong.problem
    if problem.follows:
        return True
    measured = problem.difference is not None and problem.place != divergence
    return bool(divergence) and measured and not wrong.check.startswith(_BEFORE_COMPUTING)


def _rank(wrong: Wrong, divergence: str) -> int:
    group = wrong.check.partition(".")[0]
    if group in _BEFORE_COMPUTING:
        return _BEFORE_COMPUTING.index(group)
    here = (wrong.problem.place, wrong.problem.follows)
    return len(_BEFORE_COMPUTING) + (not divergence or divergence not in here)


def _by_check(found: Iterable[Wrong]) -> dict[str, list[Problem]]:
    checks: dict[str, list[Problem]] = {}
    for wrong in found:
        checks.setdefault(wrong.check, []).append(wrong.problem)
    return checks


def over_layers(problems: Sequence[Problem]) -> list[str]:
    """The faults that a check found, facts once for all layers in which they are the same."""
    if problems[0].difference is not None:
        return [problem.said for problem in problems]
    alike: dict[str, list[Problem]] = {}
    for problem in problems:
        # The number of the layer itself is at the start, and in the paths of its modules.
        text = re.sub(rf"((?<=^layer )|(?<=\.)){problem.layer}\b", "#", problem.said)
        alike.setdefault(text, []).append(problem)
    return [_of_layers(same) for same in alike.values()]


def _of_layers(same: Sequence[Problem]) -> str:
    first, others = same[0], [str(problem.layer) for problem in same[1:]]
    layer = f"layer {first.layer} "
    if not others or not first.said.startswith(layer):
        return first.said
    # Layers come in order.
    run = int(others[-1]) - int(others[0]) == len(others) - 1
    named = f"{others[0]} to {others[-1]}" if run and len(others) > 2 else ", ".join(others)
    return f"{layer}(and {named}) {first.said.removeprefix(layer)}"
