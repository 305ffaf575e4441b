"""The config of a model that multiplies by constants made of several keys."""

from typing import Any

from transformers import PretrainedConfig


class ScaledConfig(PretrainedConfig):
    model_type = "scaled"

    def __init__(
        self,
        vocab_size: int = 32000,
        hidden_size: int = 256,
        num_hidden_layers: int = 4,
        num_attention_heads: int = 8,
        num_key_value_heads: int = 2,
        intermediate_size: int = 704,
        eps: float = 1e-5,
        rope_theta: float = 10000.0,
        scale_emb: float = 12,
        scale_depth: float = 1.4,
        dim_model_base: int = 64,
        use_cache: bool = True,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.num_key_value_heads = num_key_value_heads
        self.intermediate_size = intermediate_size
        self.eps = eps
        self.rope_theta = rope_theta
        self.scale_emb = scale_emb
        self.scale_depth = scale_depth
        self.dim_model_base = dim_model_base
        self.use_cache = use_cache
        super().__init__(**kwargs)
