"""A Llama whose MLP adds a projection to an activation."""

from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.activations import ACT2FN


class SummedConfig(LlamaConfig):
    model_type = "summed"


class Summed(nn.Module):
    def __init__(self, config: SummedConfig) -> None:
        super().__init__()
        size, width = config.hidden_size, config.intermediate_size
        self.bent = nn.Linear(size, width, bias=False)
        self.straight = nn.Linear(size, width, bias=False)
        self.down = nn.Linear(width, size, bias=False)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.down(self.act_fn(self.bent(x)) + self.straight(x))
        return result


class SummedForCausalLM(LlamaForCausalLM):
    config_class = SummedConfig

    def __init__(self, config: SummedConfig) -> None:
        super().__init__(config)
        for layer in self.model.layers:
            layer.mlp = Summed(config)
        self.post_init()
