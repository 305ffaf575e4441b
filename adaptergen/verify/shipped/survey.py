"""Faults of an adapter that TL ships, on its tiny model and one config field away from it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from adaptergen.verify.check import Check
from adaptergen.verify.hf import HfModel
from adaptergen.verify.precision import comparable
from adaptergen.verify.record import CheckResult, Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.shipped.checks import ALL, SWEPT
from adaptergen.verify.shipped.oracle import distrust
from adaptergen.verify.shipped.subject import ShippedSubject
from adaptergen.verify.sweep import variants

# How a check fails: its name, and whether something differs, rather than raises.
Failure: TypeAlias = tuple[str, bool]
# Changes of a config, each with the failures under them.
Failing: TypeAlias = list[tuple[Mapping[str, Any], set[Failure]]]


@dataclass(frozen=True)
class Finding:
    """One check that fails under one setting; an empty setting is the tiny model as it is.

    `in_float32` is what the same check says in float32, as users run models.
    """

    setting: str
    changes: Mapping[str, Any]
    check: str
    message: str
    worst: float | None
    in_float32: str = ""


@dataclass(frozen=True)
class Survey:
    """The findings of one architecture, with what was run and what could not be."""

    architecture: str
    settings: Mapping[str, Any]
    distrust: str = ""
    skipped: tuple[tuple[str, str], ...] = ()
    tried: int = 0
    refused: int = 0
    findings: tuple[Finding, ...] = ()


def survey(architecture: str) -> Survey:
    """Run the spec-less battery and the sweep."""
    with comparable():
        subject = ShippedSubject(architecture)
        doubt = distrust(subject.hf)
        if doubt:
            return Survey(architecture, subject.settings, doubt)
        found, skipped = base(subject)
        # What is wrong everywhere, or under a part of a setting, is one finding.
        known: Failing = [({}, {(f.check, f.worst is not None) for f in found})]
        tried = refused = 0
        for variant in variants(subject, SWEPT, _telling):
            tried += 1
            refused += bool(variant.refused)
            old = explained(variant.changes, known)
            new = [r for r in variant.failures if _failure(r) not in old]
            known.append((variant.changes, set(map(_failure, new))))
            found += list(_of_variant(subject, variant.setting, variant.changes, new))
            if variant.complaint and not variant.failures:
                args = (variant.setting, variant.changes, "ignored", variant.complaint)
                found.append(Finding(*args, variant.moved))
        return Survey(architecture, subject.settings, "", skipped, tried, refused, tuple(found))


def explained(changes: Mapping[str, Any], known: Failing) -> set[Failure]:
    """The failures under a part of the changes: what raises there may hide a difference."""
    parts = (failures for part, failures in known if part.items() <= changes.items())
    return {failure for failures in parts for failure in failures}


def _failure(result: CheckResult) -> Failure:
    return result.check, _measured(result) is not None


def base(subject: ShippedSubject) -> tuple[list[Finding], tuple[tuple[str, str], ...]]:
    """Faults on the tiny model as it is, and the checks that say nothing, with reasons."""
    results = run_checks(subject, ALL)
    found = [
        Finding("", {}, r.check, r.message, _measured(r), in_float32(subject, r.check))
        for r in results
        if r.status is Status.FAILED
    ]
    return found, tuple((r.check, r.message) for r in results if r.status is Status.SKIPPED)


def _telling(changes: Mapping[str, Any]) -> bool:
    """Leaves out what only costs time: ids of special tokens, initialisation, sizes of one."""
    return not any(
        key.endswith("_token_id")
        or key in ("initializer_range", "use_cache")
        or (value == 1 and type(value) is int and "heads" not in key)
        for key, value in changes.items()
    )


def _of_variant(
    subject: ShippedSubject, setting: str, changes: Mapping[str, Any], failed: Sequence[CheckResult]
) -> Iterator[Finding]:
    """The first failure of each kind; one failure in the forward pass explains the others."""
    for result in failed[:1]:
        confirmed = in_float32(subject.variant(**changes), result.check)
        yield Finding(setting, changes, result.check, result.message, _measured(result), confirmed)


def in_float32(subject: ShippedSubject, name: str) -> str:
    """The result of a check on the same config in float32."""
    hf = HfModel(subject.architecture, subject.settings, torch.float32)
    again = ShippedSubject(subject.architecture, subject.overrides, hf)
    (result,) = run_checks(again, [check for check in _every() if check.name == name])
    measured = _measured(result)
    if measured is not None:
        return f"{measured:.1e}"
    return "the same" if result.status is Status.FAILED else result.status.value


def _measured(result: CheckResult) -> float | None:
    """The largest difference; none if something else than a difference is wrong."""
    failed = result.status is Status.FAILED
    return None if failed and result.problems[0].difference is None else result.worst


def _every() -> list[Check]:
    return list({check.name: check for check in (*ALL, *SWEPT)}.values())
