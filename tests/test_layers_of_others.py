"""Linear layers that other libraries put in place of HF's, before a model is wrapped and after."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module

import adaptergen
from tests.registration import restored_factory
from tests.verify.conftest import hf_model

IDS = torch.tensor([[3, 4, 5, 6, 7], [7, 6, 5, 4, 3]])


class Renormed(nn.Linear):
    """The rows of a weight with an update have lengths of their own, as in DoRA."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__(layer.in_features, layer.out_features, bias=layer.bias is not None)
        self.weight, self.bias = layer.weight, layer.bias
        source = torch.Generator().manual_seed(1)
        self.update = nn.Parameter(0.1 * torch.randn(layer.weight.shape, generator=source))
        self.lengths = nn.Parameter(torch.rand(layer.out_features, 1, generator=source) + 0.5)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        turned = nn.functional.normalize(self.weight + self.update, dim=1)
        return nn.functional.linear(hidden, self.lengths * turned, self.bias)


class Around(nn.Module):
    """A layer and one beside it, as PEFT has them; what is asked of it is the layer's."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.base_layer = layer
        torch.manual_seed(2)
        shape, dtype = (layer.in_features, layer.out_features), layer.weight.dtype
        self.beside = nn.Linear(*shape, bias=False, dtype=dtype)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.base_layer(hidden) + self.beside(hidden)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("base_layer"), name)


def put(model: nn.Module, make: Callable[[nn.Linear], nn.Module]) -> None:
    """Replace the linear layers of blocks, wherever they are by now."""
    for name, layer in list(model.named_modules()):
        if type(layer) is nn.Linear and "layers." in name:
            model.set_submodule(name, make(layer))


def wrapped(model: Any) -> TransformerBridge:
    with restored_factory():
        adaptergen.register()
        return build_bridge_from_module(model, type(model).__name__, hf_config=model.config)


@pytest.mark.parametrize("make", [Renormed, Around], ids=lambda make: make.__name__)
@pytest.mark.parametrize("later", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", ["llama", "phi3"])
def test_layers_of_others_compute_what_they_do_in_hf(
    name: str, later: bool, make: Callable[[nn.Linear], nn.Module]
) -> None:
    reference = copy.deepcopy(hf_model(name).model)
    model = copy.deepcopy(reference)
    put(reference, make)
    if not later:
        put(model, make)
    bridge = wrapped(model)
    if later:
        put(bridge.original_model, make)
    with torch.no_grad():
        wanted, before = reference(IDS).logits, hf_model(name).model(IDS).logits
        assert (wanted - before).abs().max() > 0.1
        torch.testing.assert_close(bridge(IDS), wanted)
        hooks = [hook for hook in bridge.run_with_cache(IDS)[1] if hook.startswith("blocks.")]
        looked = bridge.run_with_hooks(IDS, fwd_hooks=[(hook, lambda x, hook: x) for hook in hooks])
        torch.testing.assert_close(looked, wanted)
    with pytest.raises(NotImplementedError, match="computes more than its weight and bias say"):
        bridge.enable_compatibility_mode()
