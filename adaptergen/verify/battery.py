"""Runs checks on a subject, and goes on whatever a broken adapter does."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from adaptergen.errors import did_you_mean, failure
from adaptergen.spec.load import LoadedSpec
from adaptergen.spec.model import Spec
from adaptergen.verify.check import Check, Evidence, Fact, NotApplicableError, judge, skipped, wrong
from adaptergen.verify.checks import ALL
from adaptergen.verify.hf import hf_class
from adaptergen.verify.layers import layer_facts
from adaptergen.verify.mutants import run_mutants
from adaptergen.verify.once import UnavailableError, one_line
from adaptergen.verify.precision import comparable
from adaptergen.verify.record import CheckResult, MutantResult, Record, Status, VariantResult
from adaptergen.verify.select import Selection
from adaptergen.verify.subject import Subject
from adaptergen.verify.sweep import sweep


def run(
    loaded: LoadedSpec,
    module_path: str,
    overrides: dict[str, Any],
    progress: Callable[[str], None],
    select: Selection,
    with_variants: bool = False,
    mutants_from: Sequence[str] = (),
) -> Record:
    """The record of the battery; see `adaptergen.verify.verify`."""
    started = time.perf_counter()
    spec, chosen = loaded.spec, select.of(ALL)
    _refuse_unknown(loaded.path, spec, overrides)
    subject = Subject(spec, module_path, overrides)

    def announce(check: Check) -> None:
        progress(f"{loaded.name}: {check.name}")

    results = run_checks(subject, chosen, announce)
    with comparable():
        layers = layer_facts(subject)
        variants = _variants(subject, progress) if with_variants else []
    # The mutants of an adapter that is wrong itself say nothing.
    right = all(result.status is not Status.FAILED for result in results)
    mutants: tuple[MutantResult, ...] = ()
    if right and mutants_from:
        mutants = run_mutants(loaded, subject, mutants_from, chosen, run_checks, progress)
    seconds = round(time.perf_counter() - started, 3)
    return Record(
        loaded.name,
        spec.architecture,
        module_path,
        overrides,
        tuple(results),
        seconds,
        layers,
        tuple(variants),
        mutants,
    )


def _variants(subject: Subject, progress: Callable[[str], None]) -> list[VariantResult]:
    return sweep(subject, run_checks, subject.spec.verification.limits, progress=progress)


def run_checks(
    subject: Subject, checks: Sequence[Check], announce: Callable[[Check], None] = lambda _: None
) -> list[CheckResult]:
    """One result per check, in order.

    What several checks need and cannot have is the failure of the first of them; the others are
    skipped and refer to it.
    """
    blamed: dict[str, str] = {}
    results = []
    with comparable():
        for check in checks:
            announce(check)
            started = time.perf_counter()
            result = _run_one(subject, check, blamed)
            results.append(replace(result, seconds=round(time.perf_counter() - started, 4)))
    return results


def _run_one(subject: Subject, check: Check, blamed: dict[str, str]) -> CheckResult:
    gathered: list[Evidence] = []
    try:
        gathered.extend(check.examine(subject))
    except NotApplicableError as reason:
        return skipped(check, str(reason))
    except UnavailableError as error:
        if error.what in blamed and not wrong(check, gathered):
            return skipped(check, f"needs {error.what}, see {blamed[error.what]}")
        blamed.setdefault(error.what, check.name)
        gathered.append(Fact(False, f"{error.what} failed: {error.reason}"))
    except Exception as error:
        gathered.append(Fact(False, f"raised {one_line(error, subject.module_path)}"))
    return judge(check, gathered)


def _refuse_unknown(path: str, spec: Spec, overrides: dict[str, Any]) -> None:
    """HF takes any key without a word; a mistyped one would verify something else."""
    try:
        known = {*hf_class(spec.architecture).config_class().to_dict(), *spec.tiny}
    except Exception:
        # Then the first check says why the model cannot be built.
        return
    for key in overrides:
        if key not in known:
            hint = did_you_mean(key, known)
            raise failure(path, f"'{key}' is no config key of {spec.architecture}", hint)
