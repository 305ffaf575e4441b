"""Gradients of fused projections, of which TransformerLens trains split copies."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformer_lens.model_bridge.generalized_components import JointQKVAttentionBridge

from adaptergen.verify.checks import gradient
from adaptergen.verify.record import CheckResult, Status
from adaptergen.verify.select import Selection
from adaptergen.verify.shipped import verify_shipped


def _of_gpt2() -> CheckResult:
    (result,) = verify_shipped("GPT2LMHeadModel", {}, select=Selection(only=("gradient",))).results
    return result


def _treat_values(monkeypatch: pytest.MonkeyPatch, treat: Callable[[Any], object]) -> None:
    """Do something to every copy of the part of a fused projection that returns values."""
    split = JointQKVAttentionBridge.set_original_component

    def set_original_component(self: JointQKVAttentionBridge, component: Any) -> None:
        split(self, component)
        treat(self.v.original_component)

    monkeypatch.setattr(JointQKVAttentionBridge, "set_original_component", set_original_component)


def test_copies_stand_for_what_they_are_copied_from() -> None:
    result = _of_gpt2()
    assert (result.status, result.message) == (Status.PASSED, "")
    assert (result.worst or 1.0) < 1e-9


def test_a_copy_that_is_not_trained_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    _treat_values(monkeypatch, lambda linear: linear.requires_grad_(False))
    result = _of_gpt2()
    first = "HF's parameter transformer.h.0.attn.c_attn.weight has a gradient in HF only"
    assert (result.status, result.message) == (Status.FAILED, first)


def test_a_copy_with_another_gradient_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    _treat_values(monkeypatch, lambda linear: linear.weight.register_hook(lambda value: 2 * value))
    result = _of_gpt2()
    assert result.status is Status.FAILED
    assert "the gradient of transformer.h.0.attn.c_attn.weight differs" in result.message
    assert not any("bias" in problem.message for problem in result.problems)


def test_parts_are_put_where_they_come_from() -> None:
    fused = torch.tensor([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]])
    lost = {"fused": fused, "alone": torch.tensor([7.0])}
    parts = [(fused[:, 1:].T, torch.tensor([[10.0, 50.0], [20.0, 40.0]]))]
    assert gradient._assembled(lost, parts) == {}
    parts.append((fused[:, 0], torch.tensor([30.0, 60.0])))
    parts.append((torch.tensor([8.0, 0.5]), torch.ones(2)))
    found = gradient._assembled(lost, parts)
    assert set(found) == {"fused"}
    assert torch.equal(found["fused"], 10 * fused)
