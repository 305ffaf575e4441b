"""Llama with modules of names that no library knows."""

from typing import Any

from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

SPEC = """\
architecture: StrangeForCausalLM
extends: llama
summary: Llama under other names.
paths: {blocks: model.tower, final_norm: model.closing, unembed: reader}
attention: {path: mixer}
mlp: {path: feeder}
"""


def _moved(module: nn.Module, old: str, new: str) -> None:
    module.add_module(new, module._modules.pop(old))


def _at(name: str) -> Any:
    """A property under the name by which HF's own code asks for the module."""
    return property(lambda self: self._modules[name])


class StrangeLayer(LlamaDecoderLayer):
    self_attn, mlp = _at("mixer"), _at("feeder")

    def __init__(self, config: LlamaConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        _moved(self, "self_attn", "mixer")
        _moved(self, "mlp", "feeder")


class StrangeModel(LlamaModel):
    layers, norm = _at("tower"), _at("closing")

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        _moved(self, "layers", "tower")
        _moved(self, "norm", "closing")
        for number in range(config.num_hidden_layers):
            self.tower[number] = StrangeLayer(config, number)


class StrangeForCausalLM(LlamaForCausalLM):
    lm_head = _at("reader")

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        _moved(self, "lm_head", "reader")
        self.model = StrangeModel(config)
