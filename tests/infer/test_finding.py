"""Findings, and the small things that probes are made of."""

import pytest
import torch

from adaptergen.infer.factor import factor
from adaptergen.infer.finding import Finding, Findings
from adaptergen.infer.left_to_hf import NOTHING, LeftToHf, blamed, blaming
from adaptergen.infer.tiny_model import UnexplainedError
from adaptergen.verify.once import MissingError, UnavailableError
from adaptergen.verify.record import CheckResult, Status


def test_findings_are_a_tree() -> None:
    findings = Findings()
    findings.add("norm", {"kind": "rms"}, "seen")
    findings.add("attention.path", "attn", "")
    findings.add("attention.heads.query", "n_head", "moved")
    assert findings.tree() == {
        "norm": {"kind": "rms"},
        "attention": {"path": "attn", "heads": {"query": "n_head"}},
    }
    assert findings.evidence() == {"norm": "seen", "attention.heads.query": "moved"}


def test_finding_can_be_below_one_that_is_a_mapping() -> None:
    findings = Findings()
    findings.add("attention.rope", {"pairing": "half"}, "")
    findings.add("attention.rope.backward", True, "")
    assert findings.tree() == {"attention": {"rope": {"pairing": "half", "backward": True}}}


def test_tree_can_be_asked_for_twice() -> None:
    findings = Findings()
    rope = {"pairing": "half"}
    findings.add("attention.rope", rope, "")
    findings.add("attention.rope.backward", True, "")
    assert findings.tree() == findings.tree()
    assert rope == {"pairing": "half"}


def test_later_finding_takes_the_place_of_an_earlier() -> None:
    findings = Findings()
    for value in ("one", "two"):
        findings.add("attention.path", value, value, "assumed")
    assert list(findings) == [Finding("attention.path", "two", "two", "assumed")]


def test_factor_is_what_one_tensor_is_of_another() -> None:
    one = torch.randn(3, 4, dtype=torch.float64)
    assert factor(2.5 * one, one) == pytest.approx(2.5)
    assert factor(one, one) == 1.0
    assert factor(one * (1 + 1e-14), one) == 1.0
    assert factor(one + 0.1, one) is None
    assert factor(one[:2], one) is None
    assert factor(-one, one) == pytest.approx(-1.0)


def result(check: str, claim: str = "") -> CheckResult:
    return CheckResult(check, check.partition(".")[0], Status.FAILED, "off", claim=claim)


@pytest.mark.parametrize(
    ("results", "part"),
    [
        ([], ""),
        ([result("claims.mlp", "mlp.gate")], "mlp"),
        ([result("claims.paths", "paths.embed"), result("claims.block", "block.ln1")], "block"),
        ([result("forward.logits")], "attention"),
        ([result("weights.compatibility")], ""),
    ],
)
def test_failed_checks_blame_a_part(results: list[CheckResult], part: str) -> None:
    assert blamed(results) == part


def test_attention_is_left_to_hf_in_two_steps() -> None:
    first = NOTHING.conceding("attention", "Why.")
    assert first == LeftToHf(projections="Why.")
    second = first.conceding("attention", "Still not.")
    assert second == LeftToHf(projections="Why.", attention="Why.")
    assert second.conceding("attention", "Again.") is None


@pytest.mark.parametrize("part", ["mlp", "block"])
def test_other_parts_are_left_to_hf_at_once(part: str) -> None:
    first = NOTHING.conceding(part, "Why.")
    assert first is not None
    assert getattr(first, part) == "Why."
    assert first.conceding(part, "Again.") is None


def test_the_model_as_a_whole_is_not_left_to_hf() -> None:
    assert NOTHING.conceding("", "Why.") is None


def test_each_concession_has_its_cost_and_its_own_reason() -> None:
    first = NOTHING.conceding("attention", "Odd mask.")
    assert first is not None
    both = first.conceding("mlp", "Odd gain.")
    assert both is not None
    assert [reason for reason, _ in both.made] == ["Odd mask.", "Odd gain."]
    assert "inside of the MLP no hook fires" in dict(both.made)["Odd gain."]
    assert NOTHING.made == []


def test_attention_as_one_piece_costs_what_is_inside() -> None:
    found = LeftToHf(projections="Why.", attention="Why.")
    assert found.made == [("Why.", "inside of attention no hook fires")]


@pytest.mark.parametrize(
    ("error", "message", "part"),
    [
        (UnexplainedError("odd"), "odd", "mlp"),
        (UnexplainedError("odd", "attention"), "odd", "attention"),
        (UnavailableError("it", "UnexplainedError: odd"), "odd", "mlp"),
        (MissingError("no such"), "no such", "mlp"),
        (IndexError("out of range"), "a probe raised IndexError: out of range", "mlp"),
    ],
)
def test_whatever_a_probe_raises_is_not_explained(
    error: Exception, message: str, part: str
) -> None:
    with pytest.raises(UnexplainedError) as refused, blaming("mlp"):
        raise error
    assert (str(refused.value), refused.value.part) == (message, part)
