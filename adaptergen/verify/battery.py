"""The whole verification of one adapter: checks, variants, mutants."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from adaptergen.errors import did_you_mean, failure
from adaptergen.spec.load import LoadedSpec
from adaptergen.spec.model import Spec
from adaptergen.verify.checks import ALL
from adaptergen.verify.code import load_code
from adaptergen.verify.hf import hf_class
from adaptergen.verify.layers import layer_facts
from adaptergen.verify.listed import refuse_unknown
from adaptergen.verify.mutants import run_mutants
from adaptergen.verify.precision import comparable
from adaptergen.verify.record import CheckResult, MutantResult, Record, Status, VariantResult
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import Selection
from adaptergen.verify.share import ALONE, Share
from adaptergen.verify.spelling import respelled, unknown
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
    code: str = "",
    share: Share = ALONE,
) -> Record:
    """The record of the battery; see `adaptergen.verify.verify`."""
    started = time.perf_counter()
    if code:
        load_code(code)
    spec, chosen = loaded.spec, select.of(ALL)
    _refuse_unknown_keys(loaded.path, spec, overrides)
    _refuse_unknown_checks(loaded)
    subject = Subject(spec, module_path, respelled(spec.architecture, overrides, spec.tiny))

    results = run_checks(subject, chosen if share.first else [], lambda c: progress(c.name))
    results = [_located(loaded, result) for result in results]
    with comparable():
        layers = layer_facts(subject) if share.first else ()
        swept = with_variants and share.first
        variants = _variants(loaded, subject, progress) if swept else ()
    # The mutants of an adapter that is wrong itself say nothing.
    right = all(result.status is not Status.FAILED for result in results)
    mutants: tuple[MutantResult, ...] = ()
    if right and mutants_from:
        mutants = run_mutants(loaded, subject, mutants_from, chosen, progress, share)
    unmutated = "" if right or not mutants_from else "the adapter itself fails"
    seconds = round(time.perf_counter() - started, 3)
    return Record(
        loaded.name,
        spec.architecture,
        module_path,
        overrides,
        tuple(results),
        seconds,
        layers,
        variants,
        mutants,
        unmutated=unmutated,
    )


def _variants(
    loaded: LoadedSpec, subject: Subject, progress: Callable[[str], None]
) -> tuple[VariantResult, ...]:
    """The results under other settings, of which only those that the spec itself limits must be."""
    limits = loaded.spec.verification.limits
    said = loaded.entries("verification", "limits").items()
    own = {setting for setting, entry in said if entry.file == loaded.path}
    return tuple(sweep(subject, limits, progress=progress, own=own & limits.keys()))


def _located(loaded: LoadedSpec, result: CheckResult) -> CheckResult:
    """A result whose problems say where the spec makes the claims that they contradict."""
    problems = (
        replace(problem, location=loaded.location(problem.claim)) if problem.claim else problem
        for problem in result.problems
    )
    return replace(result, problems=tuple(problems))


def _refuse_unknown_checks(loaded: LoadedSpec) -> None:
    names = {check.name for check in ALL}
    for key in ("checks", "older"):
        known = loaded.entries("verification", key)
        refuse_unknown(f"verification.{key}", known, names, "check", "--list-checks")


def _refuse_unknown_keys(path: str, spec: Spec, overrides: dict[str, Any]) -> None:
    """HF takes any key without a word; a mistyped one would verify something else."""
    try:
        known = {*hf_class(spec.architecture).config_class().to_dict(), *spec.tiny}
        mistyped = [key for key in unknown(spec.architecture, overrides) if key not in known]
    except Exception:
        # Then the first check says why the model cannot be built.
        return
    for key in mistyped:
        hint = did_you_mean(key, known)
        raise failure(path, f"'{key}' is no config key of {spec.architecture}", hint)
