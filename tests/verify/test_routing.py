"""What routers return is read in every form that HF's classes have had, here and in adapters."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adaptergen.verify.once import MissingError
from adaptergen.verify.routing import routed
from generated.routing import MoERouterBridge

LOGITS = torch.tensor([[0.5, 3.0, 1.0], [2.0, 0.0, 1.0]])
WEIGHTS, EXPERTS = LOGITS.softmax(-1).topk(2)


class Router(nn.Module):
    def __init__(self, order: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(3))
        self.order = order

    def forward(self, hidden_states: Tensor) -> tuple[Tensor, ...]:
        results = (hidden_states, *hidden_states.softmax(-1).topk(2))
        return tuple(results[index] for index in self.order)


@pytest.mark.parametrize("results", [(LOGITS, WEIGHTS, EXPERTS), (LOGITS, EXPERTS, WEIGHTS)])
def test_weights_and_numbers_come_in_either_order(results: Any) -> None:
    found = routed(results)
    assert (found.logits is LOGITS, found.weights is WEIGHTS, found.experts is EXPERTS) == (
        True,
    ) * 3
    assert found.choice.tolist() == [[1, 2], [0, 2]]


def test_logits_may_come_alone() -> None:
    found = routed(LOGITS)
    assert (found.weights, found.experts) == (None, None)
    assert found.choice.tolist() == [[0, 2, 1], [1, 2, 0]]


@pytest.mark.parametrize("results", [EXPERTS, (LOGITS, WEIGHTS), (EXPERTS, WEIGHTS, LOGITS)])
def test_anything_else_is_no_router(results: Any) -> None:
    with pytest.raises(MissingError, match="router does not return logits"):
        routed(results)


@pytest.mark.parametrize("times", [1, 2], ids=["wrapped once", "wrapped twice"])
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)])
def test_hooks_find_weights_in_either_order(order: tuple[int, ...], times: int) -> None:
    bridge: nn.Module = Router(order)
    for _ in range(times):
        inside, bridge = bridge, MoERouterBridge(name="gate")
        bridge.set_original_component(inside)
    shown: list[Tensor] = []
    bridge.hook_expert_weights.add_hook(lambda value, hook: shown.append(value))
    results = bridge(LOGITS)
    torch.testing.assert_close(results[order.index(1)], WEIGHTS)
    torch.testing.assert_close(results[order.index(2)], EXPERTS)
    wanted = torch.zeros_like(LOGITS).scatter(-1, EXPERTS, WEIGHTS)
    torch.testing.assert_close(shown[0], wanted)
