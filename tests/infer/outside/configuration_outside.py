from typing import Any, ClassVar

from transformers import PretrainedConfig


class OutsideConfig(PretrainedConfig):
    model_type = "outside"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
    }

    def __init__(
        self,
        vocab_size: int = 50000,
        d_model: int = 768,
        n_layers: int = 8,
        n_heads: int = 12,
        kv_groups: int | None = None,
        d_ff: int = 3072,
        norm_eps: float = 1e-5,
        rope_base: float = 10000.0,
        tie_word_embeddings: bool = False,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.d_model = d_model
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.kv_groups = kv_groups
        self.d_ff = d_ff
        self.norm_eps = norm_eps
        self.rope_base = rope_base
        super().__init__(tie_word_embeddings=tie_word_embeddings, **kwargs)
