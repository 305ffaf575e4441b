"""The HF model that adapters are held against is one that a user could have."""

from typing import Any

import torch
from transformers import LlamaForCausalLM

from adaptergen.verify import hf
from adaptergen.verify.hf import HfModel
from tests.verify.conftest import load


class ChoosingForCausalLM(LlamaForCausalLM):
    """Takes its attention from the config once, as it is built."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.chosen = config._attn_implementation


def test_a_model_with_other_attention_is_built_with_it(monkeypatch: Any) -> None:
    monkeypatch.setitem(hf._OWN, "ChoosingForCausalLM", ChoosingForCausalLM)
    model = HfModel("ChoosingForCausalLM", load("llama").spec.tiny)
    assert (model.model.chosen, model.computing("sdpa").chosen) == ("eager", "sdpa")
    own, other = model.model.state_dict(), model.computing("sdpa").state_dict()
    assert own.keys() == other.keys()
    assert all(torch.equal(own[name], other[name]) for name in own)
