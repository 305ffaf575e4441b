"""The page about other versions says of each architecture what it lacks there, and why."""

from typing import Any

import pytest
import yaml

from adaptergen.verify.record import CheckResult, Problem, Record, Status
from docs.scripts import versions
from tests.environments import VERSIONS

CAUSES = [{"says": "*no such bridge*", "verdict": "raises", "why": "That bridge is missing."}]
HOOKS = {"a": ["attn.hook_q", "mlp.hook_experts"], "b": ["attn.hook_q"], "c": ["attn.hook_q"]}


def record(spec: str, status: Status, message: str = "") -> Record:
    problems = (Problem(message),) if message else ()
    result = CheckResult("boot.bridge", "boot", status, message, problems=problems)
    passed = CheckResult("claims.named", "claims", Status.PASSED)
    return Record(spec, f"{spec.upper()}ForCausalLM", "", {}, (passed, result), 1.0)


def found(*records: Record) -> Any:
    hooks = {"a": ["attn.hook_q"], "b": ["attn.hook_q"], "c": []}
    return {"TransformerLens 1": versions.Environment(records, hooks)}


def test_page_says_what_lacks_and_why() -> None:
    records = [
        record("a", Status.PASSED),
        record("b", Status.KNOWN),
        record("c", Status.FAILED, "raised TypeError: no such bridge"),
    ]
    text = versions.page(found(*records), HOOKS, CAUSES)
    assert "| AForCausalLM | verified |\n" in text
    assert "| BForCausalLM | verified, but for boot.bridge |\n" in text
    assert "| CForCausalLM | raises |\n" in text
    assert "- CForCausalLM: That bridge is missing.\n" in text
    assert "- AForCausalLM: `mlp.hook_experts` do not fire.\n" in text


def test_architecture_that_a_version_lacks_keeps_its_row() -> None:
    both = [record("a", Status.PASSED), record("b", Status.PASSED)]
    environments = {
        "transformers 1": versions.Environment(both[:1], {}),
        "transformers 2": versions.Environment(both, {}),
    }
    text = versions.page(environments, HOOKS, CAUSES)
    assert "| AForCausalLM | verified | verified |\n" in text
    assert "| BForCausalLM | no such class | verified |\n" in text


def test_what_nobody_explains_is_on_no_page() -> None:
    failed = record("c", Status.FAILED, "raised KeyError")
    with pytest.raises(SystemExit, match=r"c: no cause of boot\.bridge: raised KeyError"):
        versions.page(found(failed), HOOKS, CAUSES)


def test_every_cause_is_told_in_words() -> None:
    for cause in yaml.safe_load(versions.CAUSES.read_text(encoding="utf-8")):
        assert cause.keys() == {"says", "verdict", "why"}
    assert versions.HEAD.exists()
    assert len(VERSIONS) == len({folder for folder, _ in VERSIONS.values()})
