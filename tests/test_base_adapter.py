"""What all generated adapters have in common."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from generated.llama import LlamaArchitectureAdapter


class Bridge(nn.Module):
    """What TL hands to an adapter once a model is wrapped."""

    def __init__(self, weights_map: Mapping[str, Any] | None) -> None:
        super().__init__()
        self.unembed = nn.Linear(2, 3)
        self.unembed._hf_hook = SimpleNamespace(weights_map=weights_map)


@pytest.mark.parametrize(
    ("weights_map", "stays"),
    [(None, True), ({"weight": 1, "bias": 2}, True), ({"weight": 1}, False)],
)
def test_a_bias_that_is_not_where_a_layers_weights_are_is_left_out(
    weights_map: Mapping[str, Any] | None, stays: bool
) -> None:
    bridge = Bridge(weights_map)
    adapter: Any = LlamaArchitectureAdapter.__new__(LlamaArchitectureAdapter)
    adapter.setup_hook_compatibility(bridge)
    assert (bridge.unembed.bias is not None) == stays


@pytest.mark.parametrize("parts", [{}, {"rotary_emb": None}, {"blocks": [nn.Module()]}])
def test_parts_that_a_bridge_lacks_are_passed_over(parts: dict[str, Any]) -> None:
    adapter: Any = LlamaArchitectureAdapter.__new__(LlamaArchitectureAdapter)
    adapter.withheld = {}
    adapter.setup_hook_compatibility(SimpleNamespace(**parts))
