"""Checks that a right adapter fails, each with a cause that is looked for before it is believed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adaptergen.infer.finding import Findings
from adaptergen.infer.left_to_hf import LeftToHf
from adaptergen.infer.proof import ModuleFolder, with_changes
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.language.written import written
from adaptergen.spec.model import Spec
from adaptergen.verify.check import EXACT, ROUNDED
from adaptergen.verify.checks import ALL
from adaptergen.verify.known import as_known
from adaptergen.verify.precision import uncast
from adaptergen.verify.record import CheckResult, Status
from adaptergen.verify.running import run_checks


@dataclass(frozen=True)
class Limit:
    """A cause, the checks that fail where it holds, and how to say it.

    All problems that it explains are about a part of that name, if one is given.
    """

    checks: tuple[str, ...]
    reason: str
    holds: Callable[[Spec, LeftToHf], bool]
    part: str = ""

    def explains(self, result: CheckResult) -> bool:
        """Whether a failure is such as it causes."""
        about = all(self.part in problem.message for problem in result.problems)
        return result.check in self.checks and about


def _opaque_block(spec: Spec, left_to_hf: LeftToHf) -> bool:
    return bool(spec.opaque or left_to_hf.block)


def _no_names_for_experts(spec: Spec, left_to_hf: LeftToHf) -> bool:
    return spec.mlp.listed


def _left_to_hf(spec: Spec, left_to_hf: LeftToHf) -> bool:
    return spec.attention.kind in ("delegated", "opaque")


_LIMITS = (
    Limit(
        ("claims.block", "hooks.identities", "use.attributed"),
        "Blocks do something to the residual stream that no facet describes.",
        _opaque_block,
    ),
    Limit(
        ("claims.window",),
        "Which tokens a layer sees follows no rule that a facet describes.",
        _left_to_hf,
    ),
    Limit(
        ("weights.folding",),
        "TransformerLens leaves norms as they are in blocks whose attention it does not see into;"
        " log-probabilities stay HF's.",
        lambda spec, left_to_hf: spec.attention.kind == "opaque",
    ),
    Limit(
        ("weights.folding",),
        "TransformerLens folds no norm into experts whose weights have other names.",
        _no_names_for_experts,
        "ln2",
    ),
)


def limits(
    spec: Spec, left_to_hf: LeftToHf, failures: Sequence[CheckResult], findings: Findings
) -> Spec:
    """The spec with those failing checks whose cause is known and was found."""
    known = dict(spec.verification.checks)
    for result in failures:
        for limit in _LIMITS:
            if limit.explains(result) and limit.holds(spec, left_to_hf):
                known[result.check] = as_known(result.problems, limit.reason)
    if known:
        findings.add("verification.checks", written(known), "the cause was looked for, and found")
    return with_changes(
        spec, verification={**spec.verification.model_dump(), "checks": written(known)}
    )


def rounding(
    tiny: TinyModel,
    spec: Spec,
    modules: ModuleFolder,
    failures: Sequence[CheckResult],
    findings: Findings,
) -> Spec:
    """The spec, told so if what fails is what HF or TL computes in float32.

    That is believed if the same checks pass once nothing is cast to float32.
    """
    small = [result for result in failures if EXACT < (result.worst or 0.0) <= ROUNDED]
    if not small or len(small) < len(failures):
        return spec
    names = {result.check for result in small}
    on_disk = all(name.startswith("checkpoint.") for name in names)
    subject = modules.subject(TinyModel(tiny.architecture, tiny.settings), spec)
    with uncast():
        again = run_checks(subject, [check for check in ALL if check.name in names])
    if any(result.status is Status.FAILED for result in again):
        return spec
    worst = max(result.worst or 0.0 for result in small)
    reason = (
        f"Parts are computed in float32, and the adapter is up to {worst:.1e} from HF; where"
        " nothing is cast to float32 they agree."
    )
    said = spec.verification.model_dump()
    if on_disk:
        # Loaded from disk alone, HF's and TL's models are rounded in different ways.
        known = {result.check: written(as_known(result.problems, reason)) for result in small}
        said["checks"] = {**said["checks"], **known}
        findings.add("verification.checks", said["checks"], "")
    else:
        said["float32"] = reason
        findings.add("verification.float32", reason, "")
    return with_changes(spec, verification=said)
