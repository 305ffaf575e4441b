"""The adapter on every HF config one step away: each field moved alone, and some of them together.

An adapter that is right for the tiny config is often wrong one config field away.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from adaptergen.language.values import deciding
from adaptergen.spec.verification import KnownFailure
from adaptergen.verify.behind import behind_switches, together
from adaptergen.verify.check import EXACT, Check, largest_difference
from adaptergen.verify.checks import forward, hooks, weights
from adaptergen.verify.hf import HfModel
from adaptergen.verify.known import others, plain, too_broad
from adaptergen.verify.once import UnavailableError, one_line
from adaptergen.verify.perturb import perturbations, shown
from adaptergen.verify.record import CheckResult, Problem, Status, VariantResult
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject

# The last one changes the bridge, which the others look at.
CHECKS: tuple[Check, ...] = (
    forward.logits,
    hooks.inventory,
    hooks.identities,
    weights.attention,
    weights.conversions,
    weights.compatibility,
)
_HEADS = ("num_attention_heads", "n_head", "num_heads")
_KEY_VALUE_HEADS = ("num_key_value_heads", "num_kv_heads")
# Of what TL computes in float32, the same on two configs, nothing but rounding may differ.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Variant:
    """How the checks ended on one config, or why HF has no such model.

    `moved` is how far the adapter's output moved from that on the base config although HF's did
    not move at all; None where HF's did.
    """

    changes: Mapping[str, Any]
    results: tuple[CheckResult, ...] = ()
    refused: str = ""
    moved: float | None = None

    @property
    def setting(self) -> str:
        """The changes in a line, such as `attention_bias=True, num_key_value_heads=1`."""
        return shown(self.changes)

    @property
    def failures(self) -> list[CheckResult]:
        """The checks that failed."""
        return [result for result in self.results if result.status is Status.FAILED]

    @property
    def problems(self) -> list[Problem]:
        """Faults, each with the name of the check that found it."""
        found = [_told(result, problem) for result in self.failures for problem in result.problems]
        if not found and (self.moved or 0.0) > _ROUNDING:
            what = "HF ignores the setting, the adapter's output moves"
            found = [Problem(f"{what} by {self.moved:.1e}", difference=self.moved, what=what)]
        return found

    @property
    def complaint(self) -> str:
        """The first of it, or nothing."""
        return self.problems[0].message if self.problems else ""

    @property
    def worst(self) -> float | None:
        """The largest difference among the checks that failed, else among all."""
        results = self.failures or self.results
        return max((r.worst for r in results if r.worst is not None), default=self.moved)


def settings(hf: HfModel) -> list[dict[str, Any]]:
    """Config changes to try: each field alone, head counts, and head counts with each bias.

    A field that does nothing alone is also moved with each switch under which it does something,
    and each two fields that bring or take parameters are moved together.
    """
    found = [changes for _, changes in perturbations(hf.config)]
    counts = list(_head_counts(hf.config))
    biases = [key for key, value in hf.config.to_dict().items() if value is False and "bias" in key]
    for changes in [*counts, *({**count, bias: True} for bias in biases for count in counts)]:
        if changes not in found:
            found.append(changes)
    more = [*behind_switches(hf), *together(hf)]
    return [*found, *(changes for changes in more if changes not in found)]


def _head_counts(config: Any) -> Iterator[dict[str, Any]]:
    """As many heads of keys and values as of queries, half as many, and one."""
    query = next((getattr(config, key) for key in _HEADS if hasattr(config, key)), None)
    for key in _KEY_VALUE_HEADS:
        if isinstance(query, int) and hasattr(config, key):
            yield from ({key: count} for count in sorted({query, max(query // 2, 1), 1}))


def variants(
    subject: Subject,
    checks: Sequence[Check],
    wanted: Callable[[Mapping[str, Any]], bool] = lambda changes: True,
    progress: Callable[[str], None] = lambda line: None,
) -> Iterator[Variant]:
    """One for each setting. Nothing else is kept, so that hundreds of models fit in memory.

    `progress` hears of each before it is examined.
    """
    for number, changes in enumerate(filter(wanted, settings(subject.hf)), 1):
        progress(f"variant {number}, {shown(changes)}")
        yield examine(subject, changes, checks)


def examine(subject: Subject, changes: Mapping[str, Any], checks: Sequence[Check]) -> Variant:
    """Run the checks with some config keys changed."""
    variant = subject.variant(**changes)
    refused = _refusal(variant.hf)
    if refused:
        return Variant(changes, refused=refused)
    results = tuple(run_checks(variant, checks))
    return Variant(changes, results, moved=_moved(subject, variant))


def _refusal(hf: HfModel) -> str:
    """Why HF has no model under a config; nothing if it has one that two runs agree on."""
    try:
        if hf.dim == 1:
            return "a residual stream one number wide is lost in rounding"
        # Asked of the config itself, a key that differs by layer raises.
        if hf.config.to_dict().get("head_dim") == 1:
            return "a head one number wide has no pair to rotate"
        logits = hf.seen.logits
    except UnavailableError as error:
        return f"HF refuses it: {error.reason}"
    if not bool(logits.isfinite().all()):
        return "HF's own logits are not finite"
    try:
        # As the bridge calls it: with HF's own default for caching.
        with torch.no_grad():
            repeated = hf.model(hf.batch(hf.length).ids).logits
    except Exception as error:
        return f"HF refuses it with a cache: {one_line(error)}"
    again = largest_difference(repeated, logits)
    return f"HF differs from itself by {again:.1e} in a second run" if again > EXACT else ""


def _moved(base: Subject, variant: Subject) -> float | None:
    one, other = base.hf.seen.logits, variant.hf.seen.logits
    if not torch.equal(one, other):
        return None
    try:
        moved = largest_difference(variant.trace.logits, base.trace.logits)
    except UnavailableError:
        # The checks have said so.
        return None
    return moved


def sweep(
    subject: Subject,
    limits: Mapping[str, KnownFailure],
    checks: Sequence[Check] = CHECKS,
    progress: Callable[[str], None] = lambda line: None,
    own: Collection[str] | None = None,
) -> list[VariantResult]:
    """A line for each setting that the spec does not refuse.

    What a limit explains is no failure. One of the spec's own, which are all unless `own` says so,
    must occur; one that a parent has set need not.
    """
    refused = [deciding(setting) for setting in subject.declared.refused]
    own = limits.keys() if own is None else own

    def wanted(changes: Mapping[str, Any]) -> bool:
        return not any(bool(changes.get(k, not value)) == value for k, value in refused)

    found = [
        _result(variant, limits.get(variant.setting), variant.setting in own)
        for variant in variants(subject, checks, wanted, progress)
    ]
    unknown = set(own) - {result.setting for result in found}
    text = "the spec has a limit for it, but no such setting is tried"
    return [*found, *(VariantResult(name, Status.FAILED, None, text) for name in sorted(unknown))]


def _told(result: CheckResult, problem: Problem) -> Problem:
    message, what = (f"{result.check}: {text}" for text in (problem.message, plain(problem)))
    return replace(problem, message=message, what=what)


def _result(variant: Variant, limit: KnownFailure | None, must_occur: bool) -> VariantResult:
    setting, problems, worst = variant.setting, variant.problems, variant.worst
    if variant.refused:
        return VariantResult(setting, Status.SKIPPED, None, variant.refused)
    unknown = others(problems, limit) if limit else problems
    if limit and problems and not unknown and must_occur:
        unknown = too_broad(problems, limit)
    if unknown:
        return VariantResult(setting, Status.FAILED, worst, unknown[0].message)
    if limit and problems:
        text = f"limit: {limit.reason} ({problems[0].message})"
        return VariantResult(setting, Status.KNOWN, worst, text)
    if limit and must_occur:
        text = "the spec has a limit for it, but nothing is wrong"
        return VariantResult(setting, Status.FAILED, worst, text)
    return VariantResult(setting, Status.PASSED, worst, "")
