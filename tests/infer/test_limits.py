"""What keeps an adapter from being proven whole is looked for, and said."""

from collections.abc import Iterator

import pytest

from adaptergen.infer.finding import Findings
from adaptergen.infer.left_to_hf import NOTHING, LeftToHf
from adaptergen.infer.limits import limits, rounding
from adaptergen.infer.proof import (
    ModuleFolder,
    failed,
    module_folder,
    with_changes,
)
from adaptergen.project import bundled
from adaptergen.verify.checks.forward import logits
from adaptergen.verify.record import CheckResult, Problem, Status
from adaptergen.verify.running import run_checks
from tests.infer.tiny_models import changed, spec_of, tiny

pytestmark = pytest.mark.usefixtures("exact")


@pytest.fixture
def made() -> Iterator[ModuleFolder]:
    with module_folder([bundled("templates")]) as found:
        yield found


def failing(check: str, worst: float | None = 1.0, said: str = "off") -> CheckResult:
    problem = Problem(said, difference=worst)
    group = check.partition(".")[0]
    return CheckResult(check, group, Status.FAILED, "off", worst=worst, problems=(problem,))


@pytest.mark.parametrize(
    ("name", "left_to_hf", "check", "known"),
    [
        ("gptj", NOTHING, "claims.window", True),
        ("llama", NOTHING, "claims.window", False),
        ("granite_swa", NOTHING, "hooks.pattern", False),
        ("gpt_oss", NOTHING, "forward.logits", False),
        ("llama", LeftToHf(block="Odd."), "use.attributed", True),
        ("llama", LeftToHf(mlp="Odd."), "use.attributed", False),
    ],
)
def test_failure_whose_cause_is_found_is_a_limit(
    name: str, left_to_hf: LeftToHf, check: str, known: bool
) -> None:
    bare = with_changes(spec_of(name), verification={})
    findings = Findings()
    found = limits(bare, left_to_hf, [failing(check)], findings)
    assert list(found.verification.checks) == ([check] if known else [])
    assert ("verification" in findings.tree()) is known


@pytest.mark.parametrize(("said", "known"), [("the weight of ln2", True), ("of ln1", False)])
def test_norms_are_left_alone_only_before_experts_without_names(said: str, known: bool) -> None:
    tree = spec_of("mixtral").model_dump(by_alias=True)["mlp"]
    bare = with_changes(
        spec_of("mixtral"), mlp={**tree, "experts": None, "opaque": ["experts"]}, verification={}
    )
    found = limits(bare, NOTHING, [failing("weights.folding", said=said)], Findings())
    assert list(found.verification.checks) == (["weights.folding"] if known else [])


def test_what_is_computed_in_float32_is_told(made: ModuleFolder) -> None:
    bare = with_changes(spec_of("glm"), verification={})
    results = failed(run_checks(made.subject(tiny("glm"), bare), [logits]))
    assert results
    findings = Findings()
    found = rounding(tiny("glm"), bare, made, results, findings)
    assert "computed in float32" in str(found.verification.float32)


@pytest.mark.parametrize(
    ("wrong", "results"),
    [
        (True, [failing("forward.logits", 1e-7)]),
        (False, [failing("forward.logits", 0.1)]),
        (False, [failing("forward.logits", 1e-7), failing("hooks.pattern", 0.1)]),
        (False, [failing("forward.logits", None)]),
        (False, []),
    ],
    ids=["wrong in any precision", "far", "one far", "unmeasured", "none"],
)
def test_what_is_no_rounding_stays_a_failure(
    wrong: bool, results: list[CheckResult], made: ModuleFolder
) -> None:
    spec = changed("llama", "attention.rope.pairing", "adjacent") if wrong else spec_of("llama")
    assert rounding(tiny("llama"), spec, made, results, Findings()) == spec
