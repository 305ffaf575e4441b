"""A model as people published them when HF kept caches in tuples: nothing in it is for adaptergen.

Each layer returns its own keys and values. A module of attention computes a table of cosines and
sines for as many positions as there are tokens, and masks are true of what is not seen. One config
key has to be set, the size of the vocabulary stands under two of them, and that of the MLP under
none.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast


class OlderConfig(PreTrainedConfig):
    model_type = "older"

    def __init__(
        self,
        padded_vocab_size: int = 32000,
        hidden_size: int = 1024,
        ffn_size: int = 2816,
        num_hidden_layers: int = 16,
        num_attention_heads: int = 16,
        kv_heads: int = 16,
        max_position_embeddings: int = 2048,
        norm_eps: float = 1e-5,
        final_norm: bool = True,
        use_cache: bool = True,
        tie_word_embeddings: bool = False,
        pad_token_id: int | None = None,
        **others: Any,
    ) -> None:
        self.vocab_size = self.padded_vocab_size = padded_vocab_size
        self.hidden_size, self.ffn_size = hidden_size, ffn_size
        self.num_hidden_layers, self.num_attention_heads = num_hidden_layers, num_attention_heads
        self.kv_heads = kv_heads
        self.max_position_embeddings = max_position_embeddings
        self.norm_eps, self.final_norm = norm_eps, final_norm
        self.use_cache = use_cache
        super().__init__(
            pad_token_id=pad_token_id, tie_word_embeddings=tie_word_embeddings, **others
        )


class Norm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


class Rotary(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        frequencies = 10000 ** (-torch.arange(0, width, 2).float() / width)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, x: Tensor, seq_len: int) -> tuple[Tensor, Tensor]:
        angles = torch.outer(torch.arange(seq_len), self.frequencies)
        both = torch.cat((angles, angles), dim=-1)[None, None].to(x.dtype)
        return both.cos(), both.sin()


def turned(x: Tensor, cos: Tensor, sin: Tensor, places: Tensor) -> Tensor:
    cos, sin = (t[0, 0][places].unsqueeze(1) for t in (cos, sin))
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, config: OlderConfig, layer_number: int) -> None:
        super().__init__()
        self.layer_number = layer_number
        self.heads, self.groups = config.num_attention_heads, config.kv_heads
        self.size = config.hidden_size // self.heads
        self.norm_factor = self.size**0.5
        narrow = self.groups * self.size
        self.query = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.key = nn.Linear(config.hidden_size, narrow, bias=False)
        self.value = nn.Linear(config.hidden_size, narrow, bias=False)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.rotary = Rotary(self.size)

    def forward(
        self,
        x: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        layer_past: tuple[Tensor, Tensor] | None = None,
        use_cache: bool = False,
    ) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        def split(t: Tensor) -> Tensor:
            return t.view(*x.shape[:2], -1, self.size).transpose(1, 2)

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        length = k.shape[2] + (0 if layer_past is None else layer_past[0].shape[2])
        cos, sin = self.rotary(v, seq_len=length)
        q, k = (turned(t, cos, sin, position_ids) for t in (q, k))
        if layer_past is not None:
            k, v = (torch.cat(t, dim=2) for t in zip(layer_past, (k, v), strict=True))
        present = (k, v) if use_cache else None
        k, v = (t.repeat_interleave(self.heads // self.groups, dim=1) for t in (k, v))
        scores = torch.matmul(q, k.transpose(-1, -2)) / self.norm_factor
        scores = scores.masked_fill(attention_mask, torch.finfo(scores.dtype).min)
        mixed = torch.matmul(nn.functional.softmax(scores, dim=-1), v)
        return self.dense(mixed.transpose(1, 2).flatten(2)), present


class MLP(nn.Module):
    def __init__(self, config: OlderConfig) -> None:
        super().__init__()
        # Of gate and input together, as the key counts.
        width = config.ffn_size // 2
        self.gate = nn.Linear(config.hidden_size, width, bias=False)
        self.up = nn.Linear(config.hidden_size, width, bias=False)
        self.down = nn.Linear(width, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(nn.functional.silu(self.gate(x)) * self.up(x))


class Layer(nn.Module):
    def __init__(self, config: OlderConfig, layer_number: int) -> None:
        super().__init__()
        self.ln_1 = Norm(config.hidden_size, config.norm_eps)
        self.attention = Attention(config, layer_number)
        self.ln_2 = Norm(config.hidden_size, config.norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, *given: Any) -> tuple[Tensor, Any]:
        mixed, present = self.attention(self.ln_1(x), *given)
        x = x + mixed
        return x + self.mlp(self.ln_2(x)), present


class OlderForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = OlderConfig

    def __init__(self, config: OlderConfig) -> None:
        super().__init__(config)
        self.word_embeddings = nn.Embedding(config.padded_vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            Layer(config, number + 1) for number in range(config.num_hidden_layers)
        )
        if config.final_norm:
            self.norm = Norm(config.hidden_size, config.norm_eps)
        self.output_layer = nn.Linear(config.hidden_size, config.padded_vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.word_embeddings

    def get_output_embeddings(self) -> nn.Module:
        return self.output_layer

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, attention_mask: Any = None, cache: Any = None, **others: Any
    ) -> dict[str, Any]:
        real = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        positions = (real.cumsum(-1) - 1).clamp(min=0)
        fresh = input_ids if cache is None else input_ids[:, -1:]
        return {
            "input_ids": fresh, "attention_mask": attention_mask, "past_key_values": cache,
            "position_ids": positions[:, -fresh.shape[1] :], "use_cache": others.get("use_cache"),
        }  # fmt: skip

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        return_dict: bool = True,
    ) -> CausalLMOutputWithPast:
        past = 0 if past_key_values is None else past_key_values[0][0].shape[2]
        batch, length = input_ids.shape
        if position_ids is None:
            position_ids = torch.arange(past, past + length).unsqueeze(0)
        hidden = torch.ones(batch, 1, length, past + length, dtype=torch.bool).triu(past + 1)
        if attention_mask is not None:
            hidden = hidden | (attention_mask == 0)[:, None, None, :]
        x, presents = self.word_embeddings(input_ids), []
        for number, layer in enumerate(self.layers):
            own = None if past_key_values is None else past_key_values[number]
            x, present = layer(x, hidden, position_ids, own, bool(use_cache))
            presents.append(present)
        if self.config.final_norm:
            x = self.norm(x)
        kept = tuple(presents) if use_cache else None
        return CausalLMOutputWithPast(logits=self.output_layer(x), past_key_values=kept)
