"""Weights that are stored packed: HF's layers compute with them, and nothing reads them by hand."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module
from transformers.integrations.bitnet import BitLinear, pack_weights

import adaptergen
from tests.registration import restored_factory
from tests.verify.conftest import hf_model


def packed() -> Any:
    """BitNet with four weights in a byte, as its checkpoints have them."""
    torch.manual_seed(0)
    model = copy.deepcopy(hf_model("bitnet").model).float()
    for name, layer in list(model.model.named_modules()):
        if isinstance(layer, nn.Linear):
            new = BitLinear(layer.in_features, layer.out_features, bias=False, dtype=torch.float32)
            new.weight = pack_weights(torch.randint(-1, 2, layer.weight.shape))
            new.weight_scale.fill_(3)
            model.model.set_submodule(name, new)
    return model


def wrapped(model: Any) -> TransformerBridge:
    with restored_factory():
        adaptergen.register()
        return build_bridge_from_module(model, "BitNetForCausalLM", hf_config=model.config)


def test_packed_weights_compute_what_hf_computes_hooked_or_not() -> None:
    model = packed()
    tokens = torch.arange(3, 19)[None]
    # HF compiles what unpacks them.
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        expected = copy.deepcopy(model)(tokens).logits
        bridge = wrapped(model)
        assert torch.equal(bridge(tokens), expected)
        logits, cache = bridge.run_with_cache(tokens)
    torch.testing.assert_close(logits, expected)
    assert cache["blocks.1.attn.hook_q"].abs().max() > 0


@pytest.mark.parametrize(("part", "name"), [("attn", "W_Q"), ("attn", "W_O"), ("mlp", "W_in")])
def test_packed_weights_are_not_read_as_matrices(part: str, name: str) -> None:
    """They would have the shape of a quarter of the layer, and none of its values."""
    with pytest.raises(NotImplementedError, match="packed"):
        getattr(getattr(wrapped(packed()).blocks[1], part), name)
