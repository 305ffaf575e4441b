"""A model whose constants are made of several config keys, some before the unembedding.

Attention computes its cosines and sines in float32, from the positions of every text of a batch.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import GenerationMixin, PreTrainedModel
from transformers.cache_utils import DynamicCache
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from .configuration_scaled import ScaledConfig


class ScaledNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, hidden: Tensor) -> Tensor:
        variance = hidden.to(torch.float32).pow(2).mean(-1, keepdim=True)
        return self.weight * (hidden * torch.rsqrt(variance + self.eps)).to(hidden.dtype)


class ScaledRotary(nn.Module):
    def __init__(self, size: int, base: float) -> None:
        super().__init__()
        frequencies = 1.0 / (base ** (torch.arange(0, size, 2).float() / size))
        self.register_buffer("inv_freq", frequencies, persistent=False)

    def forward(self, hidden: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        angles = positions[..., None].float() * self.inv_freq.float()
        both = torch.cat((angles, angles), dim=-1)
        return both.cos().to(hidden.dtype), both.sin().to(hidden.dtype)


def turned(given: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    first, second = given.chunk(2, dim=-1)
    return given * cosines + torch.cat((-second, first), dim=-1) * sines


class ScaledAttention(nn.Module):
    def __init__(self, config: ScaledConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.head_size = config.hidden_size // config.num_attention_heads
        self.groups = config.num_attention_heads // config.num_key_value_heads
        shared = config.num_key_value_heads * self.head_size
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, shared, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, shared, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.rotary_emb = ScaledRotary(self.head_size, config.rope_theta)

    def forward(
        self, hidden_states: Tensor, attention_mask: Any, position_ids: Tensor, cache: Any
    ) -> Any:
        batch, length, width = hidden_states.shape
        q, k, v = (
            layer(hidden_states).view(batch, length, -1, self.head_size).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        cosines, sines = self.rotary_emb(v.to(torch.float32), position_ids)
        cosines, sines = cosines.unsqueeze(1), sines.unsqueeze(1)
        dtype = q.dtype
        q = turned(q.float(), cosines, sines).to(dtype)
        k = turned(k.float(), cosines, sines).to(dtype)
        if cache is not None:
            k, v = cache.update(k, v, self.layer)
        k, v = k.repeat_interleave(self.groups, 1), v.repeat_interleave(self.groups, 1)
        weights = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.head_size)
        weights = weights + attention_mask
        weights = functional.softmax(weights, dim=-1, dtype=torch.float32).to(q.dtype)
        mixed = torch.matmul(weights, v).transpose(1, 2).reshape(batch, length, width)
        return self.o_proj(mixed), weights, cache


class ScaledMLP(nn.Module):
    def __init__(self, config: ScaledConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(hidden)) * self.up_proj(hidden))


class ScaledLayer(nn.Module):
    def __init__(self, config: ScaledConfig, layer: int) -> None:
        super().__init__()
        self.self_attn = ScaledAttention(config, layer)
        self.mlp = ScaledMLP(config)
        self.input_layernorm = ScaledNorm(config.hidden_size, config.eps)
        self.post_attention_layernorm = ScaledNorm(config.hidden_size, config.eps)
        self.config = config

    def forward(self, hidden: Tensor, attention_mask: Any, position_ids: Tensor, cache: Any) -> Any:
        scale = self.config.scale_depth / math.sqrt(self.config.num_hidden_layers)
        mixed, _, cache = self.self_attn(
            hidden_states=self.input_layernorm(hidden),
            attention_mask=attention_mask,
            position_ids=position_ids,
            cache=cache,
        )
        hidden = hidden + mixed * scale
        hidden = hidden + self.mlp(self.post_attention_layernorm(hidden)) * scale
        return (hidden, cache)


class ScaledPreTrained(PreTrainedModel):
    config_class = ScaledConfig
    base_model_prefix = "model"


class ScaledModel(ScaledPreTrained):
    def __init__(self, config: ScaledConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        layers = range(config.num_hidden_layers)
        self.layers = nn.ModuleList(ScaledLayer(config, layer) for layer in layers)
        self.norm = ScaledNorm(config.hidden_size, config.eps)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.embed_tokens

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        hidden = self.embed_tokens(input_ids) * self.config.scale_emb
        batch, length = input_ids.shape
        if self.config.use_cache if use_cache is None else use_cache:
            past_key_values = DynamicCache() if past_key_values is None else past_key_values
        seen = 0 if past_key_values is None else past_key_values.get_seq_length()
        if position_ids is None:
            position_ids = torch.arange(seen, seen + length).expand(batch, length)
        allowed = torch.ones(length, seen + length, dtype=torch.bool).tril(seen)[None, None]
        if attention_mask is not None:
            allowed = allowed & attention_mask[:, None, None, :].bool()
        lowest = torch.finfo(hidden.dtype).min
        mask = torch.zeros(allowed.shape, dtype=hidden.dtype).masked_fill(~allowed, lowest)
        for layer in self.layers:
            hidden = layer(
                hidden, attention_mask=mask, position_ids=position_ids, cache=past_key_values
            )[0]
        return BaseModelOutputWithPast(
            last_hidden_state=self.norm(hidden), past_key_values=past_key_values
        )


class ScaledForCausalLM(ScaledPreTrained, GenerationMixin):
    def __init__(self, config: ScaledConfig) -> None:
        super().__init__(config)
        self.model = ScaledModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        found = self.model(input_ids, attention_mask, position_ids, past_key_values, use_cache)
        scale = self.config.hidden_size / self.config.dim_model_base
        logits = self.lm_head(found.last_hidden_state / scale)
        loss = None
        if labels is not None:
            flat = logits[:, :-1].reshape(-1, logits.shape[-1])
            loss = functional.cross_entropy(flat, labels[:, 1:].reshape(-1))
        return CausalLMOutputWithPast(
            loss=loss, logits=logits, past_key_values=found.past_key_values
        )
