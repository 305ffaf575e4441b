"""From a model to its spec: look, propose, build, verify."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from adaptergen.infer.candidates import fitted
from adaptergen.infer.defaults import defaults
from adaptergen.infer.finding import Findings
from adaptergen.infer.left_to_hf import NOTHING, LeftToHf, blamed, blaming
from adaptergen.infer.limits import limits, rounding
from adaptergen.infer.observe import draft, observe
from adaptergen.infer.processing import processing
from adaptergen.infer.proof import (
    ModuleFolder,
    apart,
    battery,
    battery_again,
    failed,
    module_folder,
    with_changes,
)
from adaptergen.infer.refusals import refusals
from adaptergen.infer.shrink import as_usual, shrunk
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.infer.waivers import waivers
from adaptergen.spec.model import Spec
from adaptergen.verify.check import ROUNDED
from adaptergen.verify.checks import ALL
from adaptergen.verify.precision import comparable
from adaptergen.verify.record import CheckResult
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import Selection

# Checks that say what a wrong adapter has wrong, in a second; but for the one that fails for every
# config key that has not been explained yet.
_CHEAP = Selection(only=("claims", "boot", "forward", "hooks"), skip=("claims.config",))


@dataclass(frozen=True)
class Inference:
    """The outcome: the spec, how each value was found, and how its adapter was verified.

    Without a spec, `unexplained` says why there is none, and `part` where; `left_to_hf` has the
    parts that HF computes by itself.
    """

    architecture: str
    spec: Spec | None
    findings: Findings
    results: tuple[CheckResult, ...] = ()
    left_to_hf: LeftToHf = NOTHING
    part: str = ""

    @property
    def unexplained(self) -> list[str]:
        """Reasons why there is no proof: parts that no facet describes, and checks that failed."""
        checks = [f"{result.check}: {result.message}" for result in failed(self.results)]
        return [*self.findings.unexplained, *checks]

    @property
    def reasons(self) -> list[str]:
        """Why it is not explained: what was left to HF, and what was not explained even so."""
        told = [reason for reason, _ in self.left_to_hf.made]
        return [*told, *(said for said in self.unexplained if _as_sentence(said) not in told)]

    @property
    def proven(self) -> bool:
        """Whether the adapter passes every check and nothing is left to explain."""
        return self.spec is not None and not self.unexplained

    @property
    def explained(self) -> bool:
        """Whether it is proven with nothing left to HF that TL computes in other models."""
        return self.proven and not self.left_to_hf.made


def infer(
    architecture: str,
    given: Mapping[str, Any],
    fixed: Mapping[str, Any],
    templates: Sequence[str],
    progress: Callable[[str], None] = lambda line: None,
) -> Inference:
    """Find the spec of an HF class.

    `given` are the values of a checkpoint's config that differ from the class's own, `fixed` those
    of the tiny model on which the user insists.

    Raises:
        Unusable: if HF runs no small model of the class.
    """
    with comparable(), _silence(), module_folder(templates) as modules:
        progress("shrinking")
        tiny = shrunk(architecture, given, fixed)
        first = attempt = _attempt(tiny, tiny, modules, NOTHING, progress)
        usual = None if first.proven else as_usual(architecture, given, fixed)
        if usual is not None:
            # A switch may hide what another decides.
            again = _unswitched(tiny, usual, modules, progress)
            first = attempt = again or first
        while not attempt.proven:
            part = blamed(failed(attempt.results)) if attempt.spec else attempt.part
            reason = _sentence(attempt)
            left_to_hf = attempt.left_to_hf.conceding(part, reason)
            if left_to_hf is None:
                # Whatever was left to HF did not help.
                return first if first.spec else attempt
            progress(f"leaving {part} to HF")
            attempt = _attempt(tiny, tiny, modules, left_to_hf, progress)
        return attempt


def _unswitched(
    tiny: TinyModel, usual: TinyModel, modules: ModuleFolder, progress: Callable[[str], None]
) -> Inference | None:
    """A proof of what is seen without a checkpoint's switches, if it is right with them.

    HF need not run the model with one of them set and another flipped: then it is proven as usual.
    """
    for base in (tiny, usual):
        found = _attempt(base, usual, modules, NOTHING, progress)
        if found.proven and found.spec and apart(modules.subject(tiny, found.spec)) <= ROUNDED:
            return found
    return None


@contextmanager
def _silence() -> Iterator[None]:
    """HF and TL remark on models that are looked at on purpose."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _sentence(attempt: Inference) -> str:
    """The first reason why an attempt is no proof."""
    text = attempt.unexplained[0]
    if not attempt.findings.unexplained:
        check, _, message = text.partition(": ")
        text = f"the check {check} fails: {message}"
    return _as_sentence(text)


def _as_sentence(text: str) -> str:
    """A text with a full stop, its first letter large unless a path or a name begins it."""
    named = {".", "_"} & set(text.partition(" ")[0].rstrip(".:"))
    begun = text if named else f"{text[0].upper()}{text[1:]}"
    return f"{begun.rstrip('.')}."


def _attempt(
    tiny: TinyModel,
    seen: TinyModel,
    modules: ModuleFolder,
    left_to_hf: LeftToHf,
    progress: Callable[[str], None],
) -> Inference:
    """One go, with some parts of the model left to HF.

    What is `seen` of the model under one config is held against it under another.
    """
    findings = Findings()
    try:
        progress("looking")
        with blaming(""):
            observe(seen, findings, left_to_hf)
            spec = with_changes(draft(seen, findings), tiny=tiny.settings)
            spec = refusals(tiny, spec, findings)
            spec = defaults(tiny, spec, findings)
    except UnexplainedError as error:
        findings.unexplained.append(str(error))
        return Inference(tiny.architecture, None, findings, (), left_to_hf, error.part)
    spec = fitted(tiny, spec, modules, findings)
    if apart(modules.subject(tiny, spec)) > ROUNDED:
        # Of an adapter that is wrong as it is, the cheap checks say enough.
        results = run_checks(modules.subject(tiny, spec), _CHEAP.of(ALL))
        return Inference(tiny.architecture, spec, findings, tuple(results), left_to_hf)
    progress("trying weight processing")
    spec = processing(tiny, spec, modules, findings)
    progress("moving config keys")
    spec = waivers(tiny, spec, modules, findings)
    results = battery(modules.subject(tiny, spec), lambda check: progress(check.name))
    if failed(results):
        better = limits(spec, left_to_hf, failed(results), findings)
        known = better.verification.checks
        left = [result for result in failed(results) if result.check not in known]
        better = rounding(tiny, better, modules, left, findings)
        if better != spec:
            spec = better
            subject = modules.subject(tiny, spec)
            results = battery_again(subject, results, lambda check: progress(check.name))
    return Inference(tiny.architecture, spec, findings, tuple(results), left_to_hf)
