"""Quill, a decoder that no release of transformers has."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.activations import ACT2FN
from transformers.cache_utils import Cache, DynamicCache
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.utils.output_capturing import capture_outputs

from .configuration_quill import QuillConfig

Angles = tuple[Tensor, Tensor]


class QuillNorm(nn.Module):
    """Root mean square norm."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Scale the last dimension."""
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


class QuillRotary(nn.Module):
    """Cosines and sines of positions."""

    def __init__(self, config: QuillConfig) -> None:
        super().__init__()
        self.size = config.hidden_size // config.num_attention_heads
        self.theta = config.rope_theta

    def forward(self, x: Tensor, position_ids: Tensor) -> Angles:
        """Those of each position, [batch, pos, head size]."""
        steps = torch.arange(0, self.size, 2, dtype=torch.float32, device=x.device) / self.size
        angles = position_ids[..., None] * self.theta**-steps
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos().to(x.dtype), angles.sin().to(x.dtype)


def rotated(x: Tensor, angles: Angles) -> Tensor:
    """Queries or keys, [batch, head, pos, head size], turned by the angles of their positions."""
    cos, sin = (part.unsqueeze(1) for part in angles)
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def eager_attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    **kwargs: Any,
) -> tuple[Tensor, Tensor]:
    """Attention step by step."""
    key = key.repeat_interleave(module.num_key_value_groups, dim=1)
    value = value.repeat_interleave(module.num_key_value_groups, dim=1)
    scores = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    pattern = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    return (pattern @ value).transpose(1, 2).contiguous(), pattern


class QuillAttention(nn.Module):
    """Grouped-query attention that norms queries and keys, and does not rotate in some layers."""

    def __init__(self, config: QuillConfig, layer_idx: int) -> None:
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.num_key_value_groups = config.num_attention_heads // config.num_key_value_heads
        self.scaling = self.head_dim**-0.5
        self.is_causal = True
        self.rotates = (layer_idx + 1) % config.nope_interval != 0
        size, bias = config.num_key_value_heads * self.head_dim, config.qkv_bias
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=bias)
        self.k_proj = nn.Linear(config.hidden_size, size, bias=bias)
        self.v_proj = nn.Linear(config.hidden_size, size, bias=bias)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.q_norm = QuillNorm(self.head_dim, config.rms_norm_eps)
        self.k_norm = QuillNorm(self.head_dim, config.rms_norm_eps)

    def forward(
        self,
        hidden_states: Tensor,
        position_embeddings: Angles,
        attention_mask: Tensor | None = None,
        cache: Cache | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Mix the tokens; the pattern comes second, where attention is eager."""
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        query = self.q_norm(self.q_proj(hidden_states).view(shape)).transpose(1, 2)
        key = self.k_norm(self.k_proj(hidden_states).view(shape)).transpose(1, 2)
        value = self.v_proj(hidden_states).view(shape).transpose(1, 2)
        if self.rotates:
            query, key = rotated(query, position_embeddings), rotated(key, position_embeddings)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        output, pattern = attend(
            self, query, key, value, attention_mask, scaling=self.scaling, **kwargs
        )
        return self.o_proj(output.reshape(*hidden_states.shape[:-1], -1)), pattern


class QuillMLP(nn.Module):
    """A gated MLP."""

    def __init__(self, config: QuillConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, x: Tensor) -> Tensor:
        """Each token by itself."""
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


class QuillBlock(nn.Module):
    """A layer, which adds less to the residual stream than it computes."""

    def __init__(self, config: QuillConfig, layer_idx: int) -> None:
        super().__init__()
        self.attn = QuillAttention(config, layer_idx)
        self.mlp = QuillMLP(config)
        self.attn_norm = QuillNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp_norm = QuillNorm(config.hidden_size, config.rms_norm_eps)
        self.residual_scale = config.residual_scale

    def forward(self, hidden_states: Tensor, **kwargs: Any) -> Tensor:
        """The residual stream behind the layer."""
        output, _ = self.attn(self.attn_norm(hidden_states), **kwargs)
        hidden_states = hidden_states + output * self.residual_scale
        output = self.mlp(self.mlp_norm(hidden_states))
        return hidden_states + output * self.residual_scale


class QuillPreTrainedModel(PreTrainedModel):
    """What transformers has to know of all Quills."""

    config: QuillConfig
    base_model_prefix = "model"
    _no_split_modules = ["QuillBlock"]
    _supports_sdpa = True
    _can_record_outputs = {"hidden_states": QuillBlock, "attentions": QuillAttention}


class QuillModel(QuillPreTrainedModel):
    """The decoder without its unembedding."""

    def __init__(self, config: QuillConfig) -> None:
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.rotary = QuillRotary(config)
        numbers = range(config.num_hidden_layers)
        self.blocks = nn.ModuleList([QuillBlock(config, number) for number in numbers])
        self.norm = QuillNorm(config.hidden_size, config.rms_norm_eps)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The embedding."""
        return self.embed

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding."""
        self.embed = value

    @capture_outputs
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Run all layers."""
        hidden_states = self.embed(input_ids) if inputs_embeds is None else inputs_embeds
        if use_cache and cache is None:
            cache = DynamicCache(config=self.config)
        if position_ids is None:
            past = cache.get_seq_length() if cache is not None else 0
            position_ids = torch.arange(hidden_states.shape[1], device=hidden_states.device)
            position_ids = (position_ids + past).unsqueeze(0)
        mask = create_causal_mask(
            config=self.config,
            inputs_embeds=hidden_states,
            attention_mask=attention_mask,
            cache=cache,
            position_ids=position_ids,
        )
        angles = self.rotary(hidden_states, position_ids)
        for block in self.blocks:
            hidden_states = block(
                hidden_states,
                position_embeddings=angles,
                attention_mask=mask,
                cache=cache,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden_states), cache=cache)


class QuillForCausalLM(QuillPreTrainedModel, GenerationMixin):
    """The decoder with its unembedding."""

    _tied_weights_keys = {"head.weight": "model.embed.weight"}

    def __init__(self, config: QuillConfig) -> None:
        super().__init__(config)
        self.model = QuillModel(config)
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """The unembedding."""
        return self.head

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replace the unembedding."""
        self.head = value

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Logits, [batch, pos, vocabulary], and the loss if there are labels."""
        outputs = self.model(
            input_ids, attention_mask, position_ids, cache, inputs_embeds, use_cache, **kwargs
        )
        logits = self.head(outputs.last_hidden_state[:, -logits_to_keep:])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits, labels, self.config.vocab_size)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            cache=outputs.cache,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )
