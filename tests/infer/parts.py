"""What follows from a variant: names by part, and config keys with types and values."""

from typing import Any

from tests.infer.choices import Variant

# What decides each bias, by the pattern's name: never, always, or a config key.
_BIASES: dict[str, dict[str, bool | str]] = {
    "never": {"q": False, "k": False, "v": False, "o": False},
    "always": {"q": True, "k": True, "v": True, "o": True},
    "key": dict.fromkeys("qkvo", "attention_bias"),
    "qkv_key": {**dict.fromkeys("qkv", "add_qkv_bias"), "o": False},
    "qkv": {**dict.fromkeys("qkv", True), "o": False},
    "two_keys": {**dict.fromkeys("qkv", "qkv_bias"), "o": "out_bias"},
    "mixed": {"q": True, "k": False, "v": "value_bias", "o": False},
}
_MLP_BIASES: dict[str, tuple[bool | str, bool | str, bool | str]] = {
    "never": (False, False, False),
    "always": (True, True, True),
    "key": ("mlp_bias", "mlp_bias", "mlp_bias"),
    "mixed": (False, "mlp_up_bias", True),
}
_TOPOLOGIES = {
    "pre": ("ln1", "ln2"),
    "post": ("ln1_post", "ln2_post"),
    "sandwich": ("ln1", "ln1_post", "ln2", "ln2_post"),
    "shared": ("ln1",),
    "parallel": ("ln1", "ln2"),
}
_ROLES = ("ln1", "ln1_post", "ln2", "ln2_post")


def prefix(v: Variant) -> str:
    """Prefix of the classes."""
    return f"{'Synth' if v.style == 'interface' else v.style.title()}{v.seed}"


def head(v: Variant) -> str:
    """The module that holds the final norm beside the unembedding; empty where the model does."""
    return v.unembed if v.head == "wrapper" else ""


def unembed(v: Variant) -> str:
    """Path of the unembedding."""
    return f"{v.unembed}.proj" if v.head == "wrapper" else v.unembed


def model_type(v: Variant) -> str:
    """HF's model type, which is also the end of the files' names."""
    return prefix(v).lower()


def own_form(v: Variant) -> bool:
    """Whether attention is handed cosines and sines in another form than HF's."""
    return v.rotary_form in ("list", "stacked", "complex")


def positions(v: Variant) -> str:
    """What attention calls the cosines and sines that it is handed."""
    return "rotary_pos_emb" if own_form(v) else "position_embeddings"


def biases(v: Variant) -> dict[str, bool | str]:
    """What decides the bias of each attention projection."""
    return _BIASES[v.bias]


def mlp_biases(v: Variant) -> dict[str, bool | str]:
    """What decides the bias of each projection of the MLP."""
    if v.mlp_bias == "attention_key":
        # One key for all biases, where attention has one that is a key.
        shared = biases(v)["q"]
        gate = up = out = shared
    else:
        gate, up, out = _MLP_BIASES[v.mlp_bias]
    if v.mlp_kind == "gated":
        return {"gate": gate, "in": up, "out": out}
    return {"gate_in" if v.mlp_kind == "fused_gated" else "in": up, "out": out}


def norms(v: Variant) -> dict[str, str]:
    """The norms of a block by role."""
    return {role: v.norm_names[_ROLES.index(role)] for role in _TOPOLOGIES[v.topology]}


def attention_modules(v: Variant) -> dict[str, str]:
    """Names of the projections of attention by role."""
    if v.fused == "separate":
        return dict(zip("qkvo", v.projections, strict=True))
    return dict(zip(("qkv", "o"), v.fused_projections, strict=True))


def mlp_modules(v: Variant) -> dict[str, str]:
    """Names of the projections of the MLP by role."""
    if v.mlp_kind == "gated":
        return dict(zip(("gate", "in", "out"), v.gated_names, strict=True))
    if v.mlp_kind == "fused_gated":
        return dict(zip(("gate_in", "out"), v.fused_mlp_names, strict=True))
    return dict(zip(("in", "out"), v.plain_names, strict=True))


def renamed(v: Variant) -> dict[str, str]:
    """What the config calls things that HF and TL ask for under another name."""
    pairs = {
        "hidden_size": v.width_key,
        "intermediate_size": v.hidden_key,
        "num_hidden_layers": v.layers_key,
        "num_attention_heads": v.heads_key,
        "max_position_embeddings": v.length_key,
    }
    if v.heads in ("gqa", "mqa"):
        pairs["num_key_value_heads"] = v.kv_heads_key
    if v.head_size == "explicit":
        pairs["head_dim"] = v.head_dim_key
    if v.window != "none":
        pairs["sliding_window"] = v.window_key
    if v.eps_key == "eps_of_norms":
        pairs["rms_norm_eps"] = v.eps_key
    if v.act_key == "nonlinearity":
        pairs["hidden_act"] = v.act_key
    if v.tied == "own_key":
        pairs["tie_word_embeddings"] = "share_embeddings"
    return {canonical: own for canonical, own in pairs.items() if canonical != own}


# Type, value in the class, and value of the tiny model; None there for the class's own.
_Field = tuple[str, Any, Any]
_DECOYS: dict[str, _Field] = {
    "use_gated_mlp": ("bool", False, None),
    "rope_interleaved": ("bool", True, None),
    "use_bias": ("bool", True, None),
    "scale_embeddings": ("bool", False, None),
    "qk_norm_eps": ("float", 1e-6, None),
    "parallel_block": ("bool", True, None),
    "norm_type": ("str", "layernorm", None),
}


def config_fields(v: Variant) -> dict[str, _Field]:
    """The config's own keys by canonical name."""
    found = {**_sizes(v), **_positions(v), **_switches(v), **_numbers(v)}
    return found | {key: _DECOYS[key] for key in v.decoy_keys}


def _sizes(v: Variant) -> dict[str, _Field]:
    wide = v.rotary_part == 0.25
    found: dict[str, _Field] = {
        "vocab_size": ("int", 32000, 113),
        "hidden_size": ("int", 1024, 96 if wide else 48),
        "intermediate_size": ("int", 2816, 80),
        "num_hidden_layers": ("int", 16, 4),
        "num_attention_heads": ("int", 16, 4),
        "max_position_embeddings": ("int", 4096, 160),
        "initializer_range": ("float", 0.02, None),
        "use_cache": ("bool", True, None),
        "attention_dropout": ("float", 0.0, None),
        "pad_token_id": ("int | None", None, 0),
        "bos_token_id": ("int | None", 1, 1),
        "eos_token_id": ("int | list[int] | None", 2, 2),
    }
    if v.heads in ("gqa", "mqa"):
        many = v.heads == "gqa"
        found["num_key_value_heads"] = ("int", 4 if many else 1, 2 if many else 1)
    if v.heads == "multi_query":
        found["multi_query"] = ("bool", True, None)
    if v.head_size == "explicit":
        found["head_dim"] = ("int | None", 128, 16)
    return found


def _positions(v: Variant) -> dict[str, _Field]:
    found: dict[str, _Field] = {}
    if v.rope_config == "parameters":
        tiny: dict[str, Any] = {"rope_type": "default", "rope_theta": 10000.0}
        if v.rotary_part != 1.0:
            tiny["partial_rotary_factor"] = v.rotary_part
        found["rope_parameters"] = ("dict | None", None, tiny)
    else:
        found[v.theta_key] = ("float", 10000.0, None)
        if v.rotary_key:
            real, tiny_size = (int(size * v.rotary_part) for size in _head_dims(v))
            found[v.rotary_key] = ("int", real, tiny_size)
        elif v.rotary_part != 1.0:
            found["rotary_fraction"] = ("float", v.rotary_part, None)
    if v.window != "none":
        found["sliding_window"] = ("int | None", 1024, 8)
    if v.window in ("flag", "sliding_layers"):
        kinds = ("full_attention", "sliding_attention")
        found["layer_types"] = ("list[str] | None", None, [kinds[i] for i in v.sliding])
    if v.nope in ("list", "handed"):
        found[v.nope_list_key] = ("list[int] | None", None, list(v.rotating))
    if v.nope == "interval":
        found[v.nope_interval_key] = ("int", 4, 3)
    if v.decoy_flag == "correlated":
        kinds = ("global", "local")
        found["attention_kinds"] = ("list[str] | None", None, [kinds[i] for i in _rotating(v)])
    return found


def _head_dims(v: Variant) -> tuple[int, int]:
    """Size of a head of a checkpoint of the usual size, and of the tiny model."""
    sizes = _sizes(v)
    if "head_dim" in sizes:
        return sizes["head_dim"][1], sizes["head_dim"][2]
    (_, width, small), (_, heads, few) = sizes["hidden_size"], sizes["num_attention_heads"]
    return width // heads, small // few


def _rotating(v: Variant) -> tuple[int, ...]:
    """Which layers of the tiny model rotate; where all do, some to mislead."""
    if v.nope in ("list", "handed"):
        return v.rotating
    return v.sliding if v.nope in ("window", "hybrid_sliding") else (1, 1, 0, 1)


def _switches(v: Variant) -> dict[str, _Field]:
    keys = [*biases(v).values(), *mlp_biases(v).values(), v.qk_key if v.qk_norm != "none" else ""]
    found: dict[str, _Field] = {k: ("bool", False, None) for k in keys if isinstance(k, str) and k}
    if v.qk_norm != "none" and v.qk_key:
        found[v.qk_key] = ("bool", True, None)
    # HF ties by it where the class says what to tie; elsewhere it does nothing.
    found["tie_word_embeddings"] = ("bool", v.tied in ("own_key", "always"), None)
    return found


def _numbers(v: Variant) -> dict[str, _Field]:
    factors = {v.scale_key: 0.2, v.embedding_key: 3.0, v.residual_key: 0.4}
    if v.logits != "none":
        factors[v.logits_key] = 0.25 if v.logits == "multiply" else 4.0
    found: dict[str, _Field] = {k: ("float", x, None) for k, x in factors.items() if k}
    if v.softcap_key:
        # Scores of a tiny model are small.
        found[v.softcap_key] = ("float", 20.0, 1.5)
    if v.final_softcap:
        found[v.final_softcap] = ("float | None", 30.0, None)
    if v.eps_key:
        found["rms_norm_eps" if v.eps_key == "eps_of_norms" else v.eps_key] = ("float", 1e-6, None)
    if v.act_key:
        found["hidden_act" if v.act_key == "nonlinearity" else v.act_key] = (
            "str", v.activation, None,
        )  # fmt: skip
    return found
