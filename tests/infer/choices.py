"""What a synthetic architecture can be: independent choices."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Variant:
    """One synthetic architecture. Keys are names in HF's config; an empty name is a thing left out.

    Names that HF's code asks for under another name are in the config's `attribute_map`.
    """

    seed: int
    # Modules.
    stem: str
    embed: str
    blocks: str
    final_norm: str
    unembed: str
    rotary: str
    attention: str
    mlp: str
    projections: tuple[str, ...]
    fused_projections: tuple[str, ...]
    gated_names: tuple[str, ...]
    plain_names: tuple[str, ...]
    fused_mlp_names: tuple[str, ...]
    norm_names: tuple[str, ...]
    # Norms.
    norm_kind: str
    norm_weight: str
    norm_bias: bool
    norm_impl: str
    norm_casts: bool
    eps_key: str
    eps_attribute: str
    topology: str
    embedding_norm: str
    # Attention.
    fused: str
    bias: str
    heads: str
    head_size: str
    qk_norm: str
    qk_names: tuple[str, ...]
    qk_key: str
    qk_after_rope: bool
    gate: str
    sinks: bool
    norm_before_o: str
    scale_key: str
    softcap_key: str
    # Positions.
    pairing: str
    rotary_part: float
    # Config key of how many elements of a head rotate; empty where one has their share.
    rotary_key: str
    cosines: str
    rope_casts: bool
    backward: bool
    rope_config: str
    theta_key: str
    nope: str
    nope_flag: str
    nope_list_key: str
    nope_interval_key: str
    decoy_flag: str
    window: str
    window_attribute: str
    window_key: str
    sliding: tuple[int, ...]
    rotating: tuple[int, ...]
    # MLP.
    mlp_kind: str
    mlp_bias: str
    norm_before_out: str
    act_key: str
    activation: str
    # The rest.
    tied: str
    unembed_bias: bool
    embedding_key: str
    residual_key: str
    logits: str
    logits_key: str
    final_softcap: str
    width_key: str
    hidden_key: str
    layers_key: str
    heads_key: str
    kv_heads_key: str
    head_dim_key: str
    length_key: str
    decoy_keys: tuple[str, ...]
    # How the code is written: through HF's attention interface, or `eager`, all by itself.
    # `loose` code does so too, and has another shape; `older` code has its positions and masks in
    # other forms besides.
    style: str = "interface"
    softmax: str = ""
    masks: str = ""
    returns: tuple[str, ...] | str = ("output", "pattern")
    cache_name: str = "cache"
    collects: bool = True
    call: str = "named"
    layer_returns: str = "tuple"
    model_returns: str = "output"
    head: str = "plain"
    rotary_in: str = "model"
    mask_in: str = "model"
    scale_name: str = "scaling"
    cap_name: str = "attn_logit_softcapping"
    # What computes positions returns: a pair for the tokens, or a table of as many as are asked for
    # by attention; a list with a dimension for heads, one tensor, or complex numbers.
    rotary_form: str = "pair"
    mask_true: str = "seen"
    # What the first half of a fused gate and input is.
    first_half: str = "gate"
    layer_name: str = "layer_idx"


# A value that is listed several times is drawn that often.
CHOICES: dict[str, tuple[Any, ...]] = {
    "stem": ("model", "transformer", "decoder"),
    "embed": ("embed_tokens", "wte", "tok_embeddings", "word_embeddings"),
    "blocks": ("layers", "h", "blocks"),
    "final_norm": ("norm", "ln_f", "final_layernorm", "norm_out"),
    "unembed": ("lm_head", "output", "head", "unembed"),
    "rotary": ("rotary_emb", "rotary", "rope"),
    "attention": ("self_attn", "attention", "attn", "mixer"),
    "mlp": ("mlp", "feed_forward", "ffn"),
    # Queries, keys, values, output.
    "projections": (
        ("q_proj", "k_proj", "v_proj", "o_proj"),
        ("wq", "wk", "wv", "wo"),
        ("query", "key", "value", "dense"),
        ("to_q", "to_k", "to_v", "to_out"),
        # What is called value is the key.
        ("q_proj", "v_proj", "k_proj", "out_proj"),
    ),
    "fused_projections": (
        ("qkv_proj", "o_proj"), ("query_key_value", "dense"), ("Wqkv", "out_proj"),
        ("c_attn", "c_proj"),
    ),
    # Gate, input, output: half of these are named against their part.
    "gated_names": (
        ("gate_proj", "up_proj", "down_proj"),
        ("w1", "w3", "w2"),
        ("w3", "w1", "w2"),
        ("up_proj", "gate_proj", "down_proj"),
        ("ffn_gate", "ffn_up", "ffn_down"),
        ("fc_in", "fc_gate", "fc_out"),
    ),
    "plain_names": (
        ("fc1", "fc2"), ("c_fc", "c_proj"), ("up_proj", "down_proj"),
        ("dense_h_to_4h", "dense_4h_to_h"), ("w2", "w1"),
    ),
    "fused_mlp_names": (("gate_up_proj", "down_proj"), ("w12", "w3"), ("fc_in", "fc_out")),
    # Before attention, after it, before the MLP, after it; some are named against their place.
    "norm_names": (
        ("input_layernorm", "post_attention_layernorm", "pre_mlp_layernorm", "post_mlp_layernorm"),
        ("ln_1", "ln_1b", "ln_2", "ln_2b"),
        ("attention_norm", "attention_out_norm", "ffn_norm", "ffn_out_norm"),
        ("norm1", "norm2", "norm3", "norm4"),
        ("post_attention_layernorm", "input_layernorm", "ln_attn", "pre_attention_norm"),
        ("ffn_norm", "ffn_norm_out", "attention_norm", "attention_norm_out"),
    ),
    "norm_kind": ("rms", "rms", "layer"),
    "norm_weight": ("scale", "scale", "offset", "none"),
    "norm_bias": (False, True),
    "norm_impl": ("own", "own", "torch"),
    "norm_casts": (False, True),
    "eps_key": ("rms_norm_eps", "layer_norm_eps", "norm_eps", "layer_norm_epsilon", "eps_of_norms",
                ""),
    "eps_attribute": ("eps", "variance_epsilon", "epsilon"),
    "topology": ("pre", "pre", "post", "sandwich", "shared", "parallel"),
    "embedding_norm": ("", "", "", "embed_norm"),
    "fused": ("separate", "separate", "stacked", "grouped"),
    "bias": ("never", "always", "key", "qkv_key", "qkv", "two_keys", "mixed"),
    "heads": ("gqa", "gqa", "mha", "mqa", "multi_query"),
    "head_size": ("derived", "explicit"),
    "qk_norm": ("none", "none", "per_head", "full_width", "own_per_head"),
    "qk_names": (
        ("q_norm", "k_norm"), ("query_norm", "key_norm"), ("q_layernorm", "k_layernorm"),
        ("ln_q", "ln_k"),
    ),
    "qk_key": ("", "", "use_qk_norm"),
    "qk_after_rope": (False, False, True),
    "gate": ("", "", "", "gate_proj", "g_proj"),
    "sinks": (False, False, False, True),
    "norm_before_o": ("", "", "", "sub_norm", "attn_out_norm"),
    "scale_key": ("", "", "attention_multiplier", "softmax_scale"),
    "softcap_key": ("", "", "attn_logit_softcapping", "attention_cap"),
    "pairing": ("half", "half", "adjacent", "interleaved"),
    "rotary_part": (1.0, 1.0, 0.5, 0.25),
    "rope_casts": (False, True),
    "backward": (False, False, True),
    "rope_config": ("parameters", "theta"),
    "theta_key": ("rope_theta", "rotary_base"),
    "nope": ("all", "all", "list", "interval", "window", "hybrid_sliding", "handed"),
    "nope_flag": ("use_rope", "has_rope", "rotary", "is_local"),
    "nope_list_key": ("no_rope_layers", "rope_layers"),
    "nope_interval_key": ("no_rope_interval", "nope_every"),
    "decoy_flag": ("", "constant", "correlated", "ignored"),
    "window": ("none", "none", "config", "flag", "flag", "sliding_layers"),
    "window_attribute": ("sliding_window", "window", "local_span"),
    "window_key": ("sliding_window", "attention_window", "local_span"),
    "sliding": ((1, 0, 1, 0), (1, 1, 1, 0), (0, 1, 1, 0), (0, 0, 1, 1)),
    "rotating": ((1, 1, 0, 1), (0, 1, 0, 1), (1, 0, 0, 1), (1, 1, 1, 0)),
    "mlp_kind": ("gated", "gated", "plain", "fused_gated"),
    "mlp_bias": ("never", "never", "always", "key", "attention_key", "mixed"),
    "norm_before_out": ("", "", "", "sub_norm", "hidden_norm"),
    "act_key": ("hidden_act", "activation_function", "hidden_activation", "nonlinearity", ""),
    "activation": ("silu", "gelu", "gelu_pytorch_tanh", "relu2"),
    "tied": ("key", "key", "own_key", "never", "always"),
    "unembed_bias": (False, False, True),
    "embedding_key": ("", "", "embedding_multiplier", "embedding_scale"),
    "residual_key": ("", "", "residual_multiplier"),
    "logits": ("none", "none", "multiply", "divide"),
    "logits_key": ("logit_scale", "logits_scaling", "lm_head_multiplier"),
    "final_softcap": ("", "", "final_logit_softcapping", "logits_soft_cap"),
    "width_key": ("hidden_size", "d_model", "n_embd", "dim"),
    "hidden_key": ("intermediate_size", "d_ff", "ffn_dim", "n_inner"),
    "layers_key": ("num_hidden_layers", "n_layer", "num_layers"),
    "heads_key": ("num_attention_heads", "n_head", "num_heads"),
    "kv_heads_key": ("num_key_value_heads", "num_kv_heads", "n_kv_heads"),
    "head_dim_key": ("head_dim", "kv_channels"),
    "length_key": ("max_position_embeddings", "n_positions", "max_seq_len"),
    "decoy_keys": (
        (), ("use_gated_mlp", "rope_interleaved"), ("use_bias", "scale_embeddings"),
        ("qk_norm_eps", "parallel_block", "norm_type"),
    ),
    "rotary_key": ("", "", "rotary_dim"),
    "cosines": ("per_element", "per_element", "per_pair"),
}  # fmt: skip


# What remote code that computes attention itself is written like.
EAGER: dict[str, tuple[Any, ...]] = {
    "softmax": ("argument", "function", "cast", "method", "module"),
    "masks": ("lowest", "large", "boolean"),
    "returns": (("output", "pattern"), ("output", "pattern", "cache"),
                ("output", "cache", "pattern"), ("output", "nothing", "pattern")),
    "cache_name": ("past_key_value", "layer_past", "cache"),
    "collects": (True, False),
}  # fmt: skip


# What such code is like that is not shaped like HF's.
LOOSE: dict[str, tuple[Any, ...]] = {
    "returns": (("output", "pattern"), ("output", "nothing", "cache"), ("output",), "output"),
    # Whether layers hand arguments to attention by name.
    "call": ("named", "positional"),
    "layer_returns": ("tuple", "tensor"),
    "model_returns": ("output", "tuple", "dataclass"),
    # A wrapper has the final norm in it.
    "head": ("plain", "wrapper"),
    "rotary_in": ("model", "attention", "attention"),
    "mask_in": ("model", "attention"),
    "scale_name": ("scaling", "scale", "softmax_factor"),
    "cap_name": ("attn_logit_softcapping", "cap", "score_limit"),
}  # fmt: skip


# What such code was like before transformers had caches and masks of its own.
OLDER: dict[str, tuple[Any, ...]] = {
    "rotary_form": ("table", "table", "list", "stacked", "complex"),
    "mask_true": ("seen", "hidden"),
    "masks": ("boolean", "boolean", "lowest", "large"),
    "first_half": ("gate", "in"),
    "layer_name": ("layer_idx", "layer_id", "number"),
}  # fmt: skip


def values_of(v: Variant) -> dict[str, Any]:
    """Every choice of a variant by name."""
    return {f.name: getattr(v, f.name) for f in fields(v) if f.name not in ("seed", "style")}
