"""A model as people published them once HF had classes of caches, and called them by another name.

Attention asks a module of its own for cosines and sines, has queries, keys and values from one
layer, group by group, and returns three things, two of which may be none. The model takes any
arguments and drops those that it does not know.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast


class GroupedConfig(PreTrainedConfig):
    model_type = "grouped"

    def __init__(
        self,
        vocab_size: int = 92544,
        hidden_size: int = 4096,
        intermediate_size: int = 11008,
        num_hidden_layers: int = 32,
        num_attention_heads: int = 32,
        num_key_value_heads: int = 8,
        max_position_embeddings: int = 2048,
        rms_norm_eps: float = 1e-6,
        rope_theta: float = 10000.0,
        bias: bool = True,
        **others: Any,
    ) -> None:
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.intermediate_size, self.num_hidden_layers = intermediate_size, num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.num_key_value_heads = num_key_value_heads
        self.max_position_embeddings = max_position_embeddings
        self.rms_norm_eps, self.rope_theta, self.bias = rms_norm_eps, rope_theta, bias
        super().__init__(**others)


class GroupedRMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.variance_epsilon = eps

    def forward(self, hidden_states: Tensor) -> Tensor:
        dtype = hidden_states.dtype
        hidden_states = hidden_states.to(torch.float32)
        variance = hidden_states.pow(2).mean(-1, keepdim=True)
        hidden_states = hidden_states * torch.rsqrt(variance + self.variance_epsilon)
        return self.weight * hidden_states.to(dtype)


class GroupedRotaryEmbedding(nn.Module):
    def __init__(self, dim: int, base: float) -> None:
        super().__init__()
        self.dim, self.base = dim, base
        self.inv_freq: Tensor | None = None

    @torch.no_grad()
    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        if self.inv_freq is None:
            self.inv_freq = self.base ** (-torch.arange(0, self.dim, 2).float() / self.dim)
        angles = position_ids[..., None].float() * self.inv_freq
        both = torch.cat((angles, angles), dim=-1)
        return both.cos().to(x.dtype), both.sin().to(x.dtype)


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin


class GroupedAttention(nn.Module):
    def __init__(self, config: GroupedConfig, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx, self.num_heads = layer_idx, config.num_attention_heads
        self.head_dim = config.hidden_size // self.num_heads
        self.num_key_value_heads = config.num_key_value_heads
        self.groups = self.num_heads // self.num_key_value_heads
        width = (self.num_heads + 2 * self.num_key_value_heads) * self.head_dim
        self.wqkv = nn.Linear(config.hidden_size, width, bias=config.bias)
        self.wo = nn.Linear(config.hidden_size, config.hidden_size, bias=config.bias)
        self.rotary_emb = GroupedRotaryEmbedding(self.head_dim, config.rope_theta)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_value: Cache | None = None,
        output_attentions: bool = False,
        use_cache: bool = False,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None, Cache | None]:
        batch, length, _ = hidden_states.size()
        packed = self.wqkv(hidden_states)
        packed = packed.view(batch, length, -1, self.groups + 2, self.head_dim)
        query = packed[..., : self.groups, :].reshape(batch, length, -1, self.head_dim)
        query, key, value = (
            part.transpose(1, 2) for part in (query, packed[..., -2, :], packed[..., -1, :])
        )
        cos, sin = (part.unsqueeze(1) for part in self.rotary_emb(value, position_ids))
        query, key = rotated(query, cos, sin), rotated(key, cos, sin)
        if past_key_value is not None:
            key, value = past_key_value.update(key, value, self.layer_idx)
        key, value = (part.repeat_interleave(self.groups, dim=1) for part in (key, value))
        weights = query @ key.transpose(2, 3) / math.sqrt(self.head_dim)
        if attention_mask is not None:
            weights = weights + attention_mask[..., : key.shape[-2]]
        weights = nn.functional.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
        output = (weights @ value).transpose(1, 2).reshape(batch, length, -1)
        return self.wo(output), weights if output_attentions else None, past_key_value


class GroupedMLP(nn.Module):
    def __init__(self, config: GroupedConfig) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.w3 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.w2 = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(nn.functional.silu(self.w1(x)) * self.w3(x))


class GroupedDecoderLayer(nn.Module):
    def __init__(self, config: GroupedConfig, layer_idx: int) -> None:
        super().__init__()
        self.attention = GroupedAttention(config, layer_idx)
        self.feed_forward = GroupedMLP(config)
        self.attention_norm = GroupedRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.ffn_norm = GroupedRMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, hidden_states: Tensor, **kwargs: Any) -> tuple[Any, ...]:
        residual = hidden_states
        hidden_states = self.attention_norm(hidden_states)
        hidden_states, weights, present = self.attention(hidden_states=hidden_states, **kwargs)
        hidden_states = residual + hidden_states
        hidden_states = hidden_states + self.feed_forward(self.ffn_norm(hidden_states))
        outputs: tuple[Any, ...] = (hidden_states,)
        if kwargs["output_attentions"]:
            outputs += (weights,)
        if kwargs["use_cache"]:
            outputs += (present,)
        return outputs


class GroupedModel(nn.Module):
    def __init__(self, config: GroupedConfig) -> None:
        super().__init__()
        self.tok_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        layers = range(config.num_hidden_layers)
        self.layers = nn.ModuleList(GroupedDecoderLayer(config, index) for index in layers)
        self.norm = GroupedRMSNorm(config.hidden_size, config.rms_norm_eps)


class GroupedForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = GroupedConfig

    def __init__(self, config: GroupedConfig) -> None:
        super().__init__(config)
        self.model = GroupedModel(config)
        self.output = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.model.tok_embeddings

    def get_output_embeddings(self) -> nn.Module:
        return self.output

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool = False,
        output_attentions: bool = False,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        past = past_key_values.get_seq_length() if past_key_values is not None else 0
        batch, length = input_ids.shape
        if position_ids is None:
            position_ids = torch.arange(past, past + length).unsqueeze(0)
        hidden_states = self.model.tok_embeddings(input_ids)
        lowest = torch.finfo(hidden_states.dtype).min
        mask = torch.full((length, past + length), lowest, dtype=hidden_states.dtype)
        mask = mask.triu(past + 1).expand(batch, 1, -1, -1)
        if attention_mask is not None:
            mask = mask.masked_fill((attention_mask == 0)[:, None, None, :], lowest)
        patterns: tuple[Tensor, ...] = ()
        for layer in self.model.layers:
            outputs = layer(
                hidden_states, attention_mask=mask, position_ids=position_ids,
                past_key_value=past_key_values, output_attentions=output_attentions,
                use_cache=use_cache,
            )  # fmt: skip
            hidden_states = outputs[0]
            patterns += outputs[1:2] if output_attentions else ()
        logits = self.output(self.model.norm(hidden_states))
        return CausalLMOutputWithPast(
            logits=logits, past_key_values=past_key_values, attentions=patterns or None
        )
