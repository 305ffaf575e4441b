"""From a model to its spec: look, propose, build, verify."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from adaptergen.infer.candidates import fitted
from adaptergen.infer.concessions import NOTHING, Concessions, blamed, blaming
from adaptergen.infer.defaults import defaults
from adaptergen.infer.finding import Findings
from adaptergen.infer.limits import limits, rounding
from adaptergen.infer.observe import draft, observe
from adaptergen.infer.processing import processing
from adaptergen.infer.proof import (
    Workshop,
    apart,
    battery,
    battery_again,
    failed,
    with_changes,
    workshop,
)
from adaptergen.infer.refusals import refusals
from adaptergen.infer.tiny import as_usual, shrunk
from adaptergen.infer.waivers import waivers
from adaptergen.infer.world import UnexplainedError, World
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

    Without a spec, `unexplained` says why there is none, and `part` where. What is conceded is left
    to HF.
    """

    architecture: str
    spec: Spec | None
    findings: Findings
    results: tuple[CheckResult, ...] = ()
    conceded: Concessions = NOTHING
    part: str = ""

    @property
    def unexplained(self) -> list[str]:
        """Reasons why there is no proof: parts that no facet describes, and checks that failed."""
        checks = [f"{result.check}: {result.message}" for result in failed(self.results)]
        return [*self.findings.unexplained, *checks]

    @property
    def reasons(self) -> list[str]:
        """Why it is not explained: what was conceded, and what was not explained even so."""
        told = [reason for reason, _ in self.conceded.made]
        return [*told, *(said for said in self.unexplained if _as_sentence(said) not in told)]

    @property
    def proven(self) -> bool:
        """Whether the adapter passes every check and nothing is left to explain."""
        return self.spec is not None and not self.unexplained

    @property
    def explained(self) -> bool:
        """Whether it is proven with nothing left to HF that TL computes in other models."""
        return self.proven and not self.conceded.made


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
    with comparable(), _silence(), workshop(templates) as shop:
        progress("shrinking")
        world = shrunk(architecture, given, fixed)
        first = attempt = _attempt(world, world, shop, NOTHING, progress)
        usual = None if first.proven else as_usual(architecture, given, fixed)
        if usual is not None:
            # A switch may hide what another decides.
            again = _unswitched(world, usual, shop, progress)
            first = attempt = again or first
        while not attempt.proven:
            part = blamed(failed(attempt.results)) if attempt.spec else attempt.part
            reason = _sentence(attempt)
            conceded = attempt.conceded.conceding(part, reason)
            if conceded is None:
                # Whatever was conceded did not help.
                return first if first.spec else attempt
            progress(f"leaving {part} to HF")
            attempt = _attempt(world, world, shop, conceded, progress)
        return attempt


def _unswitched(
    world: World, usual: World, shop: Workshop, progress: Callable[[str], None]
) -> Inference | None:
    """A proof of what is seen without a checkpoint's switches, if it is right with them.

    HF need not run the model with one of them set and another flipped: then it is proven as usual.
    """
    for base in (world, usual):
        found = _attempt(base, usual, shop, NOTHING, progress)
        if found.proven and found.spec and apart(shop.subject(world, found.spec)) <= ROUNDED:
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
    world: World,
    seen: World,
    shop: Workshop,
    conceded: Concessions,
    progress: Callable[[str], None],
) -> Inference:
    """One go, with some parts of the model left to HF.

    What is `seen` of the model under one config is held against it under another.
    """
    findings = Findings()
    try:
        progress("looking")
        with blaming(""):
            observe(seen, findings, conceded)
            spec = with_changes(draft(seen, findings), tiny=world.settings)
            spec = refusals(world, spec, findings)
            spec = defaults(world, spec, findings)
    except UnexplainedError as error:
        findings.unexplained.append(str(error))
        return Inference(world.architecture, None, findings, (), conceded, error.part)
    spec = fitted(world, spec, shop, findings)
    if apart(shop.subject(world, spec)) > ROUNDED:
        # Of an adapter that is wrong as it is, the cheap checks say enough.
        results = run_checks(shop.subject(world, spec), _CHEAP.of(ALL))
        return Inference(world.architecture, spec, findings, tuple(results), conceded)
    progress("trying weight processing")
    spec = processing(world, spec, shop, findings)
    progress("moving config keys")
    spec = waivers(world, spec, shop, findings)
    results = battery(shop.subject(world, spec), lambda check: progress(check.name))
    if failed(results):
        better = limits(spec, conceded, failed(results), findings)
        known = better.verification.checks
        left = [result for result in failed(results) if result.check not in known]
        better = rounding(world, better, shop, left, findings)
        if better != spec:
            spec = better
            subject = shop.subject(world, spec)
            results = battery_again(subject, results, lambda check: progress(check.name))
    return Inference(world.architecture, spec, findings, tuple(results), conceded)
