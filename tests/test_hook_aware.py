"""Bridges of layers that HF's modules stay in."""

import pytest
import torch
from torch import nn

from generated.hook_aware import LinearBridge


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_bias_that_processing_adds_has_the_type_of_the_weight(dtype: torch.dtype) -> None:
    layer, bridge = nn.Linear(3, 2, bias=False, dtype=dtype), LinearBridge(name="layer")
    bridge.set_original_component(layer)
    bridge.set_processed_weights({"weight": torch.ones(2, 3, dtype=dtype), "bias": torch.ones(2)})
    assert bridge(torch.ones(3, dtype=dtype)).tolist() == [4.0, 4.0]
