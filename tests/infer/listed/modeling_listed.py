"""A Llama whose experts are modules in a list, each handed the tokens that are its own.

A linear layer routes, and what holds the list chooses, and returns the logits as well. An MLP for
every token is beside them, weighed by a gate of its own; the first layers have an MLP instead.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.activations import ACT2FN
from transformers.models.llama.modeling_llama import LlamaDecoderLayer


class ListedConfig(LlamaConfig):
    model_type = "listed"

    def __init__(
        self,
        n_experts: int = 8,
        experts_per_token: int = 2,
        expert_width: int = 1408,
        shared_width: int = 2816,
        first_dense: int = 1,
        **others: Any,
    ) -> None:
        self.n_experts, self.experts_per_token = n_experts, experts_per_token
        self.expert_width, self.shared_width = expert_width, shared_width
        self.first_dense = first_dense
        super().__init__(**others)


class Expert(nn.Module):
    def __init__(self, config: ListedConfig, width: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, width, bias=False)
        self.w2 = nn.Linear(width, config.hidden_size, bias=False)
        self.w3 = nn.Linear(config.hidden_size, width, bias=False)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, x: Tensor) -> Tensor:
        down: Tensor = self.w2(self.act_fn(self.w1(x)) * self.w3(x))
        return down


class Mixture(nn.Module):
    def __init__(self, config: ListedConfig) -> None:
        super().__init__()
        self.top_k = config.experts_per_token
        self.router = nn.Linear(config.hidden_size, config.n_experts, bias=False)
        self.experts = nn.ModuleList(
            Expert(config, config.expert_width) for _ in range(config.n_experts)
        )
        self.always = Expert(config, config.shared_width)
        self.always_gate = nn.Linear(config.hidden_size, 1, bias=False)

    def forward(self, hidden_states: Tensor) -> tuple[Tensor, Tensor]:
        tokens = hidden_states.view(-1, hidden_states.shape[-1])
        logits = self.router(tokens)
        weights, chosen = logits.softmax(-1).topk(self.top_k, dim=-1)
        weights = weights / weights.sum(-1, keepdim=True)
        mixed = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            token, place = torch.where(chosen == number)
            if not len(token):
                continue
            share = weights[token, place, None]
            mixed.index_add_(0, token, expert(tokens[token]) * share)
        mixed = mixed + self.always_gate(tokens).sigmoid() * self.always(tokens)
        return mixed.view_as(hidden_states), logits


class Layer(LlamaDecoderLayer):
    def __init__(self, config: ListedConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        if layer_idx >= config.first_dense:
            self.mlp = Mixture(config)

    def forward(self, hidden_states: Tensor, **kwargs: Any) -> Tensor:
        attended, _ = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **kwargs)
        hidden_states = hidden_states + attended
        output = self.mlp(self.post_attention_layernorm(hidden_states))
        added: Tensor = output[0] if isinstance(output, tuple) else output
        return hidden_states + added


class ListedForCausalLM(LlamaForCausalLM):
    config_class = ListedConfig

    def __init__(self, config: ListedConfig) -> None:
        super().__init__(config)
        numbers = range(config.num_hidden_layers)
        self.model.layers = nn.ModuleList(Layer(config, number) for number in numbers)
        self.post_init()
