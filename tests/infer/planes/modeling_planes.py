"""A model as those who do not come from HF write them, wrapped for it afterwards.

Positions are complex numbers that the model hands down, what is out of sight has a score of minus
infinity, modules return bare tensors, and nobody can ask for a pattern.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast


class PlanesConfig(PreTrainedConfig):
    model_type = "planes"
    attribute_map = {"num_attention_heads": "n_heads", "hidden_size": "dim"}  # noqa: RUF012

    def __init__(
        self,
        vocab_size: int = 32000,
        dim: int = 4096,
        hidden_dim: int = 14336,
        num_hidden_layers: int = 32,
        n_heads: int = 32,
        n_kv_heads: int = 8,
        max_seq_len: int = 2048,
        norm_eps: float = 1e-5,
        rope_theta: float = 10000.0,
        **others: Any,
    ) -> None:
        self.vocab_size, self.dim, self.hidden_dim = vocab_size, dim, hidden_dim
        self.num_hidden_layers, self.n_heads = num_hidden_layers, n_heads
        self.n_kv_heads, self.max_seq_len = n_kv_heads, max_seq_len
        self.norm_eps, self.rope_theta = norm_eps, rope_theta
        super().__init__(**others)


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def _norm(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def forward(self, x: Tensor) -> Tensor:
        return self._norm(x.float()).type_as(x) * self.weight


def precomputed(dim: int, end: int, theta: float) -> Tensor:
    freqs = theta ** (-torch.arange(0, dim, 2)[: dim // 2].float() / dim)
    angles = torch.outer(torch.arange(end).float(), freqs)
    return torch.polar(torch.ones_like(angles), angles)


def turned(x: Tensor, freqs_cis: Tensor) -> Tensor:
    planes = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(planes * freqs_cis.unsqueeze(2)).flatten(3).type_as(x)


class Attention(nn.Module):
    def __init__(self, args: PlanesConfig, layer_id: int) -> None:
        super().__init__()
        self.layer_id, self.n_rep = layer_id, args.n_heads // args.n_kv_heads
        self.head_dim = args.dim // args.n_heads
        narrow = args.n_kv_heads * self.head_dim
        self.wq = nn.Linear(args.dim, args.n_heads * self.head_dim, bias=False)
        self.wk = nn.Linear(args.dim, narrow, bias=False)
        self.wv = nn.Linear(args.dim, narrow, bias=False)
        self.wo = nn.Linear(args.n_heads * self.head_dim, args.dim, bias=False)

    def forward(
        self, x: Tensor, freqs_cis: Tensor, mask: Tensor | None, store: Cache | None
    ) -> Tensor:
        bsz, seqlen, _ = x.shape
        xq, xk, xv = self.wq(x), self.wk(x), self.wv(x)
        xq, xk, xv = (t.view(bsz, seqlen, -1, self.head_dim) for t in (xq, xk, xv))
        xq, xk = turned(xq, freqs_cis), turned(xk, freqs_cis)
        queries, keys, values = (t.transpose(1, 2) for t in (xq, xk, xv))
        if store is not None:
            keys, values = store.update(keys, values, self.layer_id)
        keys, values = (t.repeat_interleave(self.n_rep, dim=1) for t in (keys, values))
        scores = torch.matmul(queries, keys.transpose(2, 3)) / math.sqrt(self.head_dim)
        if mask is not None:
            scores = scores + mask
        scores = nn.functional.softmax(scores.float(), dim=-1).type_as(queries)
        output = torch.matmul(scores, values)
        mixed: Tensor = self.wo(output.transpose(1, 2).contiguous().view(bsz, seqlen, -1))
        return mixed


class FeedForward(nn.Module):
    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(dim, hidden_dim, bias=False)
        self.w2 = nn.Linear(hidden_dim, dim, bias=False)
        self.w3 = nn.Linear(dim, hidden_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        down: Tensor = self.w2(nn.functional.silu(self.w1(x)) * self.w3(x))
        return down


class TransformerBlock(nn.Module):
    def __init__(self, args: PlanesConfig, layer_id: int) -> None:
        super().__init__()
        self.attention = Attention(args, layer_id)
        self.feed_forward = FeedForward(args.dim, args.hidden_dim)
        self.attention_norm = RMSNorm(args.dim, args.norm_eps)
        self.ffn_norm = RMSNorm(args.dim, args.norm_eps)

    def forward(
        self, x: Tensor, freqs_cis: Tensor, mask: Tensor | None, store: Cache | None
    ) -> Tensor:
        h = x + self.attention(self.attention_norm(x), freqs_cis, mask, store)
        out: Tensor = h + self.feed_forward(self.ffn_norm(h))
        return out


class PlanesForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = PlanesConfig

    def __init__(self, args: PlanesConfig) -> None:
        super().__init__(args)
        self.tok_embeddings = nn.Embedding(args.vocab_size, args.dim)
        self.layers = nn.ModuleList(
            TransformerBlock(args, layer_id) for layer_id in range(args.num_hidden_layers)
        )
        self.norm = RMSNorm(args.dim, args.norm_eps)
        self.output = nn.Linear(args.dim, args.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.tok_embeddings

    def get_output_embeddings(self) -> nn.Module:
        return self.output

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool = False,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        args = self.config
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        start = past_key_values.get_seq_length() if past_key_values is not None else 0
        bsz, seqlen = input_ids.shape
        if position_ids is None:
            position_ids = torch.arange(start, start + seqlen).unsqueeze(0)
        freqs = precomputed(args.dim // args.n_heads, 2 * args.max_seq_len, args.rope_theta)
        freqs = freqs[position_ids.expand(bsz, -1)]
        h = self.tok_embeddings(input_ids)
        mask = torch.full((seqlen, start + seqlen), float("-inf"), dtype=h.dtype)
        mask = mask.triu(start + 1).expand(bsz, 1, -1, -1)
        if attention_mask is not None:
            unseen = (attention_mask == 0)[:, None, None]
            mask = mask.masked_fill(unseen, torch.finfo(h.dtype).min)
        for layer in self.layers:
            h = layer(h, freqs, mask, past_key_values)
        logits = self.output(self.norm(h))
        return CausalLMOutputWithPast(logits=logits, past_key_values=past_key_values)
