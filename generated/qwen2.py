"""Qwen2 architecture adapter.

Llama-family decoder with biases on queries, keys and values only.
"""

from typing import Any

from transformer_lens.conversion_utils.conversion_steps import RearrangeTensorConversion
from transformer_lens.conversion_utils.param_processing_conversion import ParamProcessingConversion
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter
from transformer_lens.model_bridge.generalized_components import (
    BlockBridge,
    EmbeddingBridge,
    GatedMLPBridge,
    LinearBridge,
    PositionEmbeddingsAttentionBridge,
    RMSNormalizationBridge,
    RotaryEmbeddingBridge,
    UnembeddingBridge,
)


class Qwen2ArchitectureAdapter(ArchitectureAdapter):
    """Architecture adapter for Qwen2 models.

    - Norms: RMSNorm.
    - Block: `input_layernorm` (ln1) feeds attention, `post_attention_layernorm` (ln2) feeds the
      MLP; each adds its output to the residual stream.
    - Heads: `config.num_attention_heads` query heads share `config.num_key_value_heads` key and
      value heads (grouped-query attention where there are fewer).
    - Query and key norms: none.
    - RoPE: element i rotates with element i + d_head/2, on every layer.
    - Window: a layer sees the last `sliding_window` tokens where its HF attention sets that
      attribute, in HF's mask.
    - MLP: gated, `down_proj(act(gate_proj(x)) * up_proj(x))`.
    - Embeddings: the unembedding is the embedding's weight where `config.tie_word_embeddings` is
      set.

    Parameters that may be absent from the state dict:
    - blocks.{i}.attn.b_O: never present
    - blocks.{i}.mlp.b_gate: never present
    - blocks.{i}.mlp.b_in: never present
    - blocks.{i}.mlp.b_out: never present
    - blocks.{i}.ln1.b: RMSNorm has no bias
    - blocks.{i}.ln2.b: RMSNorm has no bias
    - ln_final.b: RMSNorm has no bias
    """

    def __init__(self, cfg: Any) -> None:
        """Set the config flags, weight conversions and component mapping."""
        super().__init__(cfg)

        self.cfg.normalization_type = "RMS"
        self.cfg.uses_rms_norm = True
        self.cfg.final_rms = True
        self.cfg.positional_embedding_type = "rotary"
        self.cfg.gated_mlp = True
        self.cfg.attn_only = False
        self.cfg.default_prepend_bos = False
        self.cfg.default_padding_side = "right"
        self.cfg.attn_implementation = "eager"

        # TL leaves n_key_value_heads unset where every query head has its own keys and values.
        n_heads = self.cfg.n_heads
        n_key_value_heads = self.cfg.n_key_value_heads or n_heads
        self.weight_processing_conversions = {
            "blocks.{i}.attn.q.weight": ParamProcessingConversion(
                tensor_conversion=RearrangeTensorConversion("(n h) m -> n m h", n=n_heads),
            ),
            "blocks.{i}.attn.k.weight": ParamProcessingConversion(
                tensor_conversion=RearrangeTensorConversion(
                    "(n h) m -> n m h", n=n_key_value_heads
                ),
            ),
            "blocks.{i}.attn.v.weight": ParamProcessingConversion(
                tensor_conversion=RearrangeTensorConversion(
                    "(n h) m -> n m h", n=n_key_value_heads
                ),
            ),
            "blocks.{i}.attn.o.weight": ParamProcessingConversion(
                tensor_conversion=RearrangeTensorConversion("m (n h) -> n h m", n=n_heads),
            ),
            "blocks.{i}.attn.q.bias": ParamProcessingConversion(
                tensor_conversion=RearrangeTensorConversion("(n h) -> n h", n=n_heads),
            ),
            "blocks.{i}.attn.k.bias": ParamProcessingConversion(
                tensor_conversion=RearrangeTensorConversion("(n h) -> n h", n=n_key_value_heads),
            ),
            "blocks.{i}.attn.v.bias": ParamProcessingConversion(
                tensor_conversion=RearrangeTensorConversion("(n h) -> n h", n=n_key_value_heads),
            ),
        }

        self.component_mapping = {
            "embed": EmbeddingBridge(name="model.embed_tokens", config=self.cfg),
            "rotary_emb": RotaryEmbeddingBridge(name="model.rotary_emb", config=self.cfg),
            "blocks": BlockBridge(
                name="model.layers",
                config=self.cfg,
                submodules={
                    "ln1": RMSNormalizationBridge(name="input_layernorm", config=self.cfg),
                    "ln2": RMSNormalizationBridge(name="post_attention_layernorm", config=self.cfg),
                    "attn": PositionEmbeddingsAttentionBridge(
                        name="self_attn",
                        config=self.cfg,
                        submodules={
                            "q": LinearBridge(name="q_proj"),
                            "k": LinearBridge(name="k_proj"),
                            "v": LinearBridge(name="v_proj"),
                            "o": LinearBridge(name="o_proj"),
                        },
                        requires_attention_mask=True,
                        requires_position_embeddings=True,
                    ),
                    "mlp": GatedMLPBridge(
                        name="mlp",
                        config=self.cfg,
                        submodules={
                            "gate": LinearBridge(name="gate_proj"),
                            "in": LinearBridge(name="up_proj"),
                            "out": LinearBridge(name="down_proj"),
                        },
                    ),
                },
            ),
            "ln_final": RMSNormalizationBridge(name="model.norm", config=self.cfg),
            "unembed": UnembeddingBridge(name="lm_head", config=self.cfg),
        }
