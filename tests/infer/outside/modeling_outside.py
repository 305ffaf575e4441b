"""A model as people publish them beside transformers: nothing in it is made for adaptergen.

Attention computes its angles itself, for as many positions as there are tokens, and queries, keys
and values by one layer; it makes its own mask, and is handed all but the first argument by place.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from .configuration_outside import OutsideConfig


class Table(nn.Module):
    def __init__(self, width: int, base: float) -> None:
        super().__init__()
        frequencies = base ** (-torch.arange(0, width, 2).float() / width)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, like: Tensor, length: int) -> tuple[Tensor, Tensor]:
        angles = torch.outer(torch.arange(length), self.frequencies)
        both = torch.cat((angles, angles), dim=-1).to(like.dtype)
        return both.cos(), both.sin()


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, config: OutsideConfig, number: int) -> None:
        super().__init__()
        self.number, self.heads = number, config.n_heads
        self.groups = config.kv_groups or config.n_heads
        self.size = config.d_model // config.n_heads
        width = (self.heads + 2 * self.groups) * self.size
        self.pack = nn.Linear(config.d_model, width, bias=False)
        self.out = nn.Linear(config.d_model, config.d_model, bias=False)
        self.table = Table(self.size, config.rope_base)

    def forward(
        self, x: Tensor, keep: Tensor | None, positions: Tensor, store: Cache | None
    ) -> tuple[Tensor, Tensor]:
        batch, length, _ = x.shape
        shares = self.heads // self.groups
        packed = self.pack(x).view(batch, length, self.groups, shares + 2, self.size)
        q, k, v = (t.transpose(1, 2) for t in packed.split((shares, 1, 1), dim=3))
        q = q.transpose(2, 3).flatten(1, 2)
        k, v = k.squeeze(3), v.squeeze(3)
        past = 0 if store is None else store.get_seq_length(self.number)
        cos, sin = (t[positions].unsqueeze(1) for t in self.table(x, past + length))
        q, k = turned(q, cos, sin), turned(k, cos, sin)
        if store is not None:
            k, v = store.update(k, v, self.number)
        k, v = (t.repeat_interleave(shares, dim=1) for t in (k, v))
        scores = q @ k.transpose(-1, -2) / self.size**0.5
        hidden = torch.ones(length, past + length, dtype=torch.bool).triu(past + 1)
        if keep is not None:
            hidden = hidden | (keep == 0)[:, None, None, :]
        scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min)
        pattern = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(v.dtype)
        return self.out((pattern @ v).transpose(1, 2).flatten(2)), pattern


class Layer(nn.Module):
    def __init__(self, config: OutsideConfig, number: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.mix = Attention(config, number)
        self.between = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        width = config.d_ff
        into, out = nn.Linear(config.d_model, width), nn.Linear(width, config.d_model)
        self.think = nn.Sequential(into, nn.GELU(), out)

    def forward(self, x: Tensor, *given: Any) -> tuple[Tensor, Tensor]:
        mixed, pattern = self.mix(self.before(x), *given)
        x = x + mixed
        return x + self.think(self.between(x)), pattern


class OutsideForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = OutsideConfig

    def __init__(self, config: OutsideConfig) -> None:
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(Layer(config, i) for i in range(config.n_layers))
        self.last = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: Cache | None = None,
        use_cache: bool = True,
        output_attentions: bool = False,
        **_: Any,
    ) -> CausalLMOutputWithPast:
        if use_cache and cache is None:
            cache = DynamicCache()
        store = cache if use_cache else None
        if position_ids is None:
            past = 0 if store is None else store.get_seq_length()
            position_ids = torch.arange(past, past + input_ids.shape[1])[None]
        x, patterns = self.words(input_ids), []
        for layer in self.layers:
            x, pattern = layer(x, attention_mask, position_ids, store)
            patterns.append(pattern)
        attentions = tuple(patterns) if output_attentions else None
        logits = self.head(self.last(x))
        return CausalLMOutputWithPast(logits=logits, cache=store, attentions=attentions)
