"""From a model to its spec: look, propose, build, verify."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adaptergen.infer.direction import direction
from adaptergen.infer.finding import Findings
from adaptergen.infer.limits import limits, rounding
from adaptergen.infer.observe import draft, observe
from adaptergen.infer.processing import processing
from adaptergen.infer.proof import Workshop, battery, failed, workshop
from adaptergen.infer.tiny import shrunk
from adaptergen.infer.waivers import waivers
from adaptergen.infer.world import UnexplainedError, World
from adaptergen.spec.model import Spec
from adaptergen.verify.once import MissingError, UnavailableError, one_line
from adaptergen.verify.precision import comparable
from adaptergen.verify.record import CheckResult

# Groups of checks that a wrong idea of attention fails, rather than one of what is around it.
_OF_ATTENTION = ("forward", "hooks")


@dataclass(frozen=True)
class Inference:
    """What became of it: the spec, how each value was found, and how its adapter was verified.

    Without a spec, `unexplained` says why there is none. With a `fallback`, attention is left to
    HF, for that reason.
    """

    architecture: str
    spec: Spec | None
    findings: Findings
    results: tuple[CheckResult, ...] = ()
    fallback: str = ""

    @property
    def unexplained(self) -> list[str]:
        """What no facet describes, and the checks that failed."""
        checks = [f"{result.check}: {result.message}" for result in failed(self.results)]
        return [*self.findings.unexplained, *checks]

    @property
    def proven(self) -> bool:
        """Whether the adapter passes every check and nothing is left to explain."""
        return self.spec is not None and not self.unexplained


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
    with comparable(), workshop(templates) as shop:
        progress("shrinking")
        world = shrunk(architecture, given, fixed)
        first = _attempt(world, shop, "", progress)
        if first.proven or not _blames_attention(first):
            return first
        reason = _reason(first)
        progress("leaving attention to HF")
        second = _attempt(world, shop, reason, progress)
        better = second.proven or (second.spec is not None and first.spec is None)
        return replace(second, fallback=reason) if better else first


def _reason(attempt: Inference) -> str:
    text = attempt.unexplained[0]
    return f"{text[0].upper()}{text[1:]}."


def _blames_attention(attempt: Inference) -> bool:
    if attempt.spec is None:
        return True
    return any(result.group in _OF_ATTENTION for result in failed(attempt.results))


def _attempt(
    world: World, shop: Workshop, delegated: str, progress: Callable[[str], None]
) -> Inference:
    """One go, with attention computed by TL or, for a reason, left to HF."""
    findings = Findings()
    try:
        progress("looking")
        observe(world, findings, delegated=delegated)
        spec = draft(world, findings)
    except Exception as error:
        # Models differ without limit: what the probes do not expect is not explained either.
        findings.unexplained.append(_said(error))
        return Inference(world.architecture, None, findings)
    spec = direction(world, spec, shop, findings)
    progress("trying weight processing")
    spec = processing(world, spec, shop, findings)
    progress("moving config keys")
    spec = waivers(world, spec, shop, findings)
    results = battery(shop.subject(world, spec), lambda check: progress(check.name))
    if failed(results):
        better = limits(world, spec, failed(results), findings)
        left = [
            result for result in failed(results) if result.check not in better.verification.checks
        ]
        better = rounding(world, better, shop, left, findings)
        if better != spec:
            spec = better
            results = battery(shop.subject(world, spec), lambda check: progress(check.name))
    return Inference(world.architecture, spec, findings, tuple(results))


def _said(error: Exception) -> str:
    if isinstance(error, UnexplainedError | MissingError):
        return str(error)
    if isinstance(error, UnavailableError):
        return error.reason.removeprefix("UnexplainedError: ")
    return f"a probe raised {one_line(error)}"
