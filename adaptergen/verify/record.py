"""Findings of a verification: one record per architecture, one result per check."""

import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import adaptergen

_LIBRARIES = ("torch", "transformers", "transformer_lens")


class Status(StrEnum):
    """How a check ended; `KNOWN` if it failed and the spec says so, with the reason."""

    PASSED = "passed"
    FAILED = "failed"
    KNOWN = "known failure"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, by how much, and which claim of the spec it contradicts.

    `follows` is the activation where bridge and HF first differ, if this is a consequence of it.
    `what` names what differs. `location` is where the spec makes the claim: `file:line:column`.
    """

    message: str
    layer: int | None = None
    claim: str = ""
    difference: float | None = None
    follows: str = ""
    what: str = ""
    location: str = ""

    @property
    def place(self) -> str:
        """The differing activation, named as TL names hooks."""
        return self.what if self.layer is None else f"blocks.{self.layer}.{self.what}"

    @property
    def said(self) -> str:
        """The message, with where the spec makes the claim."""
        return f"{self.message} ({self.location})" if self.location else self.message


@dataclass(frozen=True)
class CheckResult:
    """How one check ended.

    `worst` is the largest difference measured, also of a check that passed, and `by_layer` that of
    each layer, with None for the model as a whole. `message` says what is wrong first, or why the
    check was skipped; `problems` is everything that is wrong. A `relative` check measures in units
    of HF's own rounding error.
    """

    check: str
    group: str
    status: Status
    message: str = ""
    layer: int | None = None
    claim: str = ""
    worst: float | None = None
    tolerance: float | None = None
    by_layer: tuple[tuple[int | None, float], ...] = ()
    problems: tuple[Problem, ...] = ()
    seconds: float = 0.0
    relative: bool = False


@dataclass(frozen=True)
class VariantResult:
    """The adapter on another config: what was changed, how it went, and the worst difference.

    A setting that HF itself refuses is skipped, one that the spec lists as a limit is a known
    failure, and `message` says so.
    """

    setting: str
    status: Status
    worst: float | None = None
    message: str = ""


@dataclass(frozen=True)
class MutantResult:
    """An adapter made wrong on purpose, and the checks that noticed.

    `equivalent` is the spec's reason why none can, if it gives one.
    """

    name: str
    description: str
    killed_by: tuple[str, ...]
    equivalent: str = ""

    @property
    def expected(self) -> bool:
        """Killed, or survived for a reason that the spec gives."""
        return bool(self.killed_by) != bool(self.equivalent)


@dataclass(frozen=True)
class LayerFacts:
    """The spec's claims about one layer, and what probing HF's model found.

    A window is how many tokens the layer sees, None for all that it is given.
    """

    number: int
    rotates_claimed: bool
    rotates_found: bool
    window_claimed: int | None
    window_found: int | None

    @property
    def agree(self) -> bool:
        """Whether the spec says what HF does."""
        return (self.rotates_claimed, self.window_claimed) == (
            self.rotates_found,
            self.window_found,
        )


@dataclass(frozen=True)
class Record:
    """Everything that verification found out about one architecture.

    `stopped` says why it did not come to an end, if it did not. `inputs` is a hash of everything
    that the outcome depends on, but for the versions. `unmutated` says why there are no mutants, if
    they were asked for. `unjudged` are the limits of the spec whose variants were not tried.
    """

    spec: str
    architecture: str
    module: str
    overrides: dict[str, Any]
    results: tuple[CheckResult, ...]
    seconds: float
    layers: tuple[LayerFacts, ...] = ()
    variants: tuple[VariantResult, ...] = ()
    mutants: tuple[MutantResult, ...] = ()
    versions: dict[str, str] = field(default_factory=lambda: versions())
    stopped: str = ""
    inputs: str = ""
    unmutated: str = ""
    unjudged: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it ended, nothing failed, something ran, and all mutants went as expected."""
        if self.stopped:
            return False
        statuses = [result.status for result in self.results]
        statuses += [variant.status for variant in self.variants]
        mutants = all(mutant.expected for mutant in self.mutants)
        return Status.PASSED in statuses and Status.FAILED not in statuses and mutants

    @property
    def ran(self) -> list[CheckResult]:
        """The results of the checks that had something to say, without known failures."""
        return [r for r in self.results if r.status in (Status.PASSED, Status.FAILED)]

    @property
    def known(self) -> list[CheckResult]:
        """The results of the checks that fail as the spec says."""
        return [result for result in self.results if result.status is Status.KNOWN]

    @property
    def worst(self) -> float | None:
        """The largest difference from HF, of the checks that do not measure in units of errors."""
        return worst_of(self.ran, relative=False)

    @property
    def tried(self) -> list[VariantResult]:
        """The variants that HF has a model for, without those that the spec lists as limits."""
        return [v for v in self.variants if v.status in (Status.PASSED, Status.FAILED)]

    @property
    def failures(self) -> list[CheckResult]:
        """The results of the checks that failed."""
        return [result for result in self.results if result.status is Status.FAILED]

    @property
    def groups(self) -> dict[str, list[CheckResult]]:
        """The results by group, in the order in which they ran."""
        groups: dict[str, list[CheckResult]] = {}
        for result in self.results:
            groups.setdefault(result.group, []).append(result)
        return groups


def worst_of(results: Sequence[CheckResult], *, relative: bool) -> float | None:
    """The largest difference of those checks that are `relative`, or of the others."""
    found = (r.worst for r in results if r.worst is not None and r.relative is relative)
    return max(found, default=None)


def checks_in_words(results: Sequence[CheckResult]) -> str:
    """How many checks ran or failed, which are known to, and how many had nothing to examine."""
    counts = Counter(result.status for result in results)
    ran = counts[Status.PASSED] + counts[Status.FAILED]
    checks = f"{ran} check{'' if ran == 1 else 's'}"
    failed = counts[Status.FAILED]
    words = [f"{failed} of {checks} failed" if failed else checks]
    known = [result.check for result in results if result.status is Status.KNOWN]
    if known:
        plural = "" if len(known) == 1 else "s"
        words.append(f"{len(known)} known failure{plural} ({', '.join(known)})")
    if counts[Status.SKIPPED]:
        words.append(f"{counts[Status.SKIPPED]} skipped")
    return ", ".join(words)


def joined(parts: Sequence[Record]) -> Record:
    """The first record with the mutants of all, by name: the parts have taken them as it came."""
    taken = (mutant for part in parts for mutant in part.mutants)
    mutants = tuple(sorted(taken, key=lambda mutant: (mutant.name, mutant.description)))
    return replace(parts[0], mutants=mutants, seconds=max(part.seconds for part in parts))


def versions() -> dict[str, str]:
    """Versions of everything that the outcome depends on."""
    found = {"python": platform.python_version(), "adaptergen": adaptergen.__version__}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found
