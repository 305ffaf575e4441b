"""Bridges that show what HF multiplies afterwards."""

from typing import Any

import pytest
import torch
from torch import nn

from generated.multipliers import EmbeddingBridge


class Raised(nn.Module):
    """What may be in a hook point's place."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return value + 1


@pytest.mark.parametrize("options", [{}, {"output_contribution_scale": 4.0}], ids=str)
def test_what_is_in_a_hook_s_place_sees_an_embedding_scaled(options: dict[str, Any]) -> None:
    layer, bridge = nn.Embedding(5, 3), EmbeddingBridge(name="embed", **options)
    bridge.set_original_component(layer)
    bridge.hook_out = Raised()
    ids, scale = torch.tensor([[1, 4]]), options.get("output_contribution_scale", 1.0)
    torch.testing.assert_close(bridge(ids), layer(ids) + 1 / scale)
