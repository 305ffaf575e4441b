"""A failure is known if it is the one that the spec says, of about that size."""

import math
from collections.abc import Callable

import pytest

from adaptergen.spec.verification import KnownFailure
from adaptergen.verify.check import Difference, Evidence, Fact, check, judge
from adaptergen.verify.checks.interventions import pattern
from adaptergen.verify.known import as_known, others, too_broad
from adaptergen.verify.record import Problem, Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.verify.broken_fused import bridge
from tests.verify.case import Replacements
from tests.verify.conftest import hf_model, load


def deaf(*hooks: str) -> Replacements:
    """Changes of the module of Granite's sliding-window model: edits at these hooks are lost."""
    return bridge(
        "from transformer_lens.hook_points import HookPoint\n\n"
        "class Deaf(HookPoint):\n"
        "    def __call__(self, x):\n"
        "        super().__call__(x.clone())\n"
        "        return x\n\n"
        "def __init__(self, *args, **kwargs):\n"
        "    super().__init__(*args, **kwargs)\n"
        + "\n".join(f"    self.{hook} = self.Deaf()" for hook in hooks),
        "_GraniteSWAAttentionBridge",
        "GraniteSWAArchitectureAdapter",
    )


SINKS = KnownFailure(reason="Sinks.", fails=["attn.hook_pattern"], by=0.4)


@check("sample.check", "Holds.", claim="attention.sinks")
def sample(subject: Subject) -> list[Evidence]:
    return []


def problems(*evidence: Evidence) -> tuple[Problem, ...]:
    return judge(sample, evidence).problems


def told(known: KnownFailure, *evidence: Evidence) -> list[str]:
    return [problem.message for problem in others(problems(*evidence), known)]


def test_what_the_spec_says_is_no_other_failure() -> None:
    first = Difference("attn.hook_pattern", 0.4, 0)
    other_layer = Difference("attn.hook_pattern", 0.5, 3, follows="blocks.0.attn.hook_pattern")
    assert told(SINKS, first, other_layer) == []


@pytest.mark.parametrize(
    ("evidence", "why"),
    [
        (Difference("attn.hook_z", 0.4, 1), "which is not the failure that the spec knows"),
        (
            Difference("attn.hook_z", 0.4, 1, follows="blocks.0.attn.hook_pattern"),
            "which is not the failure that the spec knows",
        ),
        (Difference("attn.hook_pattern", 1.3, 1), "not by 4.0e-01 as the spec says"),
        (Difference("attn.hook_pattern", math.inf, 1), "not by 4.0e-01 as the spec says"),
        (
            Fact(False, "raised TypeError: no attn.hook_pattern"),
            "which is not the failure that the spec knows",
        ),
    ],
    ids=["another hook", "a consequence", "larger", "of another shape", "an exception"],
)
def test_anything_else_is_another_failure(evidence: Evidence, why: str) -> None:
    (message,) = told(SINKS, Difference("attn.hook_pattern", 0.4, 0), evidence)
    assert message.endswith(why)


def test_a_difference_needs_a_size() -> None:
    (message,) = told(
        KnownFailure(reason="Sinks.", fails=["attn.hook_pattern"]),
        Difference("attn.hook_pattern", 0.1),
    )
    assert message.endswith("and the spec does not say by how much")


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (SINKS, ""),
        (SINKS.model_copy(update={"by": 39.0}), ""),
        (
            SINKS.model_copy(update={"by": 41.0}),
            "and by no more than 4.0e-01, the spec says 4.1e+01",
        ),
        (
            SINKS.model_copy(update={"fails": ["attn.hook_pattern", "attn.hook_z"]}),
            "and nothing fails as 'attn.hook_z'",
        ),
    ],
    ids=["as it is", "as it may be elsewhere", "far larger", "of another hook besides"],
)
def test_the_spec_says_no_more_than_fails(known: KnownFailure, why: str) -> None:
    found = problems(Difference("attn.hook_pattern", 0.4, 0))
    told = [problem.message for problem in too_broad(found, known)]
    assert len(told) == bool(why)
    assert all(message.endswith(why) for message in told)


def test_what_failed_is_said_without_what_differs_by_layer_and_size() -> None:
    found = problems(
        Difference("attn.hook_pattern", 0.123, 0),
        Difference("attn.hook_pattern", 0.456, 1),
        Fact(False, "ln1 sees 8 of 24 tokens, first in model.layers.0", 2),
    )
    known = as_known(found, "Sinks.")
    texts = ["attn.hook_pattern", "ln1 sees * of * tokens, first in model.layers.*"]
    assert known == KnownFailure(reason="Sinks.", fails=texts, by=0.46)
    assert others(found, known) == []


def test_another_fault_of_a_check_that_fails_is_not_excused(broken: Callable[..., str]) -> None:
    fails = ["the output with attn.hook_pattern edited"]
    known = KnownFailure(reason="Edits of patterns are lost.", fails=fails, by=0.22)
    for hooks, status in (
        (["hook_pattern"], Status.KNOWN),
        (["hook_pattern", "hook_attn_scores"], Status.FAILED),
    ):
        module = broken("granite_swa", deaf(*hooks))
        subject = Subject(load("granite_swa").spec, module, hf=hf_model("granite_swa"))
        subject.known = {"interventions.pattern": known}
        (result,) = run_checks(subject, [pattern])
        assert result.status is status, result.message
    assert "the output with attn.hook_attn_scores edited differs from HF by" in result.message
