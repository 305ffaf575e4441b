"""Bridges that show what HF multiplies afterwards."""

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from generated.multipliers import EmbeddingBridge, ScaledLogitsAdapter


class Dividing(ScaledLogitsAdapter):
    """An adapter of a model whose logits are divided by how much wider it is than another."""

    logits_scaled_by: ClassVar[dict[str, float]] = {"base": 1.0, "hidden_size": -1.0}

    def __init__(self, **fields: Any) -> None:
        self.cfg = SimpleNamespace(**fields)


def test_a_scale_is_taken_out_of_a_config_by_a_key_that_is_no_size_of_the_model() -> None:
    sizes = {"d_model": 48, "n_layers": 4, "n_heads": 4, "d_head": 12, "d_mlp": 80, "d_vocab": 97}
    config = SimpleNamespace(base=16, hidden_size=48)
    model = nn.Linear(1, 1)
    model.config = config
    Dividing(base=16, hidden_size=48, **sizes).postprocess_weights(
        SimpleNamespace(original_model=model)
    )
    assert vars(model.config) == {"base": 48, "hidden_size": 48}
    assert type(model.config.base) is int
    assert vars(config) == {"base": 16, "hidden_size": 48}


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
