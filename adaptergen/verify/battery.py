"""The whole verification of one adapter: checks, variants, mutants."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import transformers

from adaptergen.errors import Failure, Unusable, did_you_mean, failure
from adaptergen.spec.load import LoadedSpec
from adaptergen.spec.mistakes import diagnostic_at
from adaptergen.spec.model import Spec
from adaptergen.verify.checks import ALL
from adaptergen.verify.classes import generates
from adaptergen.verify.code import load_code
from adaptergen.verify.hf import hf_class, hf_config, unfilled
from adaptergen.verify.layers import layer_facts
from adaptergen.verify.listed import refuse_unknown
from adaptergen.verify.mutants import run_mutants
from adaptergen.verify.once import one_line
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
    _refuse_other_classes(loaded)
    _refuse_unknown_keys(loaded.path, spec, overrides)
    _refuse_unknown_checks(loaded)
    changes = respelled(spec.architecture, overrides, spec.tiny)
    _refuse_values(spec, changes, overrides)
    subject = Subject(spec, module_path, changes)

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
        unjudged=() if with_variants else tuple(spec.verification.limits),
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


def _refuse_values(spec: Spec, changes: dict[str, Any], overrides: dict[str, Any]) -> None:
    """Of a value that HF makes no model with, nothing is the adapter's fault."""
    why = _why_unmade(spec, changes)
    if not why or _why_unmade(spec, {}):
        # The checks say what is wrong with the spec's own values.
        return
    alone = {k: v for k, v in overrides.items() if _why_unmade(spec, {k: v})} or overrides
    told = " ".join(f"--set {key}={json.dumps(value)}" for key, value in alone.items())
    raise Unusable(f"{told}: HF makes no {spec.architecture} with that: {why}")


def _why_unmade(spec: Spec, changes: dict[str, Any]) -> str:
    """Why HF makes no tiny model with some values on top of the spec's; empty if it does."""
    settings = {**spec.tiny, **changes}
    try:
        unfilled(spec.architecture, hf_config(spec.architecture, settings))
    except Exception as error:
        return one_line(error)
    return ""


def _refuse_other_classes(loaded: LoadedSpec) -> None:
    """A class of transformers that is no language model would be looked at as if it were one."""
    named = getattr(transformers, loaded.spec.architecture, None)
    if named is not None and not generates(named):
        message = f"{loaded.spec.architecture} of transformers is no language model"
        hint = "give a class that generates text, such as LlamaForCausalLM"
        raise Failure([diagnostic_at(loaded.entries()["architecture"], message, hint)])


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
