"""The sweep over configs one step away."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from adaptergen.spec.verification import KnownFailure
from adaptergen.verify import sweep
from adaptergen.verify.check import Check
from adaptergen.verify.hf import HfModel
from adaptergen.verify.perturb import shown
from adaptergen.verify.precision import comparable
from adaptergen.verify.record import CheckResult, Problem, Status
from adaptergen.verify.subject import Subject
from adaptergen.verify.sweep import CHECKS, Variant, examine, settings
from adaptergen.verify.tiny import tiny_settings
from tests.conftest import rarely
from tests.verify.conftest import hf_model, load, module_of

SPECS = ("smollm3", "llama", "mistral", "qwen2", "qwen3")


def _subject(name: str) -> Subject:
    return Subject(load(name).spec, module_of(name), hf=hf_model(name))


def _examined(name: str, **changes: Any) -> Variant:
    with comparable():
        return examine(_subject(name), changes, CHECKS)


@pytest.mark.full
@pytest.mark.parametrize("name", rarely(SPECS, 1, pytest.mark.exhaustive))
def test_spec_is_right_one_step_away(name: str) -> None:
    with comparable():
        found = sweep.sweep(_subject(name), load(name).spec.verification.limits)
    assert len(found) > 60
    assert [result for result in found if result.status is Status.FAILED] == []
    assert next(r for r in found if r.setting == "hidden_act=tanh").status is Status.PASSED


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("llama", {"num_key_value_heads": 1, "attention_bias": True}),
        ("smollm3", {"no_rope_layers": [0, 1, 0, 1]}),
        ("qwen3", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}}),
    ],
    ids=str,
)
def test_right_variant(name: str, changes: dict[str, Any]) -> None:
    variant = _examined(name, **changes)
    assert (variant.refused, variant.complaint) == ("", "")
    assert [result.check for result in variant.results] == [check.name for check in CHECKS]


def test_activation_that_transformer_lens_does_not_know() -> None:
    variant = _examined("llama", hidden_act="mish")
    assert (variant.setting, variant.complaint) == ("hidden_act=mish", "")


def test_setting_that_hf_refuses() -> None:
    variant = _examined("llama", num_key_value_heads=3)
    assert variant.refused.startswith("HF refuses it: ")
    assert variant.results == ()


def test_a_head_size_that_differs_by_layer_is_not_asked_of_the_whole() -> None:
    name = "Gemma4ForCausalLM"
    assert sweep._refusal(HfModel(name, tiny_settings(name))) == ""


def test_setting_that_hf_ignores_is_held_against_the_adapter_itself() -> None:
    variant = _examined("llama", initializer_range=0.5)
    assert variant.moved == 0.0
    assert Variant({"a": 1}, moved=0.5).complaint == (
        "HF ignores the setting, the adapter's output moves by 5.0e-01"
    )


def test_settings_cover_heads_with_biases_and_every_scaling_type() -> None:
    found = [shown(changes) for changes in settings(hf_model("smollm3"))]
    assert len(set(found)) == len(found)
    for expected in (
        "num_key_value_heads=1, attention_bias=True",
        "no_rope_layers=[0, 0, 0, 0]",
        "tie_word_embeddings=False",
    ):
        assert expected in found
    for kind in ("linear", "dynamic", "yarn", "llama3", "longrope"):
        assert any(f"rope_type: {kind}" in text for text in found)


def _result(status: Status, what: str = "the output", by: float = 0.5) -> CheckResult:
    problems = (Problem(f"{what} is off", difference=by, what=what),)
    found = problems if status is Status.FAILED else ()
    return CheckResult("forward.logits", "forward", status, worst=by, problems=found)


LIMIT = KnownFailure(reason="Why.", fails=["forward.logits: the output"], by=0.5)


@pytest.mark.parametrize(
    ("variant", "limit", "status", "message"),
    [
        (Variant({"a": 1}, (_result(Status.PASSED),)), None, Status.PASSED, ""),
        (Variant({"a": 1}, (_result(Status.FAILED),)), None, Status.FAILED, "is off"),
        (Variant({"a": 1}, (_result(Status.FAILED),)), LIMIT, Status.KNOWN, "limit: Why. ("),
        (Variant({"a": 1}, (_result(Status.PASSED),)), LIMIT, Status.FAILED, "nothing is wrong"),
        (
            Variant({"a": 1}, (_result(Status.FAILED, by=2.0),)),
            LIMIT,
            Status.FAILED,
            "is off, not by 5.0e-01 as the spec says",
        ),
        (
            Variant({"a": 1}, (_result(Status.FAILED), _result(Status.FAILED, "W_Q"))),
            LIMIT,
            Status.FAILED,
            "forward.logits: W_Q is off, which is not the failure that the spec knows",
        ),
        (
            Variant({"a": 1}, (_result(Status.PASSED),), moved=0.5),
            LIMIT,
            Status.FAILED,
            "which is not the failure that the spec knows",
        ),
        (Variant({"a": 1}, refused="No."), None, Status.SKIPPED, "No."),
    ],
)
def test_limits_explain_what_is_wrong_and_nothing_else(
    variant: Variant, limit: KnownFailure | None, status: Status, message: str
) -> None:
    result = sweep._result(variant, limit, must_occur=True)
    assert (result.setting, result.status) == ("a=1", status)
    assert message in result.message


def test_each_setting_is_announced_before_it_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    def examine(subject: Subject, changes: Mapping[str, Any], checks: Sequence[Check]) -> Variant:
        heard.append(f"tried {changes}")
        return Variant(changes, refused="No.")

    monkeypatch.setattr(sweep, "settings", lambda hf: [{"a": 1}, {"a": 2}])
    monkeypatch.setattr(sweep, "examine", examine)
    sweep.sweep(_subject("llama"), {}, progress=heard.append)
    assert heard == ["variant 1, a=1", "tried {'a': 1}", "variant 2, a=2", "tried {'a': 2}"]


def test_a_limit_of_no_setting_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "settings", lambda hf: [])
    (result,) = sweep.sweep(_subject("llama"), {"hidden_act=swash": LIMIT})
    assert result.status is Status.FAILED
    assert "no such setting is tried" in result.message


def test_a_limit_that_a_parent_has_set_need_not_occur(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "settings", lambda hf: [{"a": 1}])
    right = Variant({"a": 1}, (_result(Status.PASSED),))
    monkeypatch.setattr(sweep, "examine", lambda *_: right)
    limits = {"a=1": LIMIT, "a=2": LIMIT}
    (result,) = sweep.sweep(_subject("llama"), limits, own=())
    assert (result.setting, result.status) == ("a=1", Status.PASSED)
    statuses = [found.status for found in sweep.sweep(_subject("llama"), limits, own=("a=2",))]
    assert statuses == [Status.PASSED, Status.FAILED]


def test_what_the_spec_refuses_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "settings", lambda hf: [{"alibi": True}, {"bias": True}])
    monkeypatch.setattr(sweep, "examine", lambda _, changes, __: Variant(changes, refused="No."))
    found = sweep.sweep(_subject("falcon"), {})
    assert [result.setting for result in found] == ["bias=True"]


def test_a_model_that_differs_from_itself_is_no_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    hf = hf_model("llama")
    logits = hf.seen.logits

    def noisy(ids: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=logits + torch.rand(1))

    monkeypatch.setattr(hf.model, "forward", noisy)
    assert "HF differs from itself" in sweep._refusal(hf)
