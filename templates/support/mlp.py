"""The bridge of a gated MLP."""

from typing import Any

import torch
from transformer_lens.model_bridge import generalized_components as tl
from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent


class GatedMLPBridge(tl.GatedMLPBridge):
    """TL's bridge of a gated MLP, which HF's module computes in compatibility mode too."""

    def forward(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Run HF's module; called as it is."""
        # TL would compute with processed weights itself, with silu for activations unknown to it.
        output: torch.Tensor = GeneralizedComponent.forward(self, *args, **kwargs)
        return output
