"""The spec of a synthetic architecture: what `adaptergen infer` has to find out."""

from typing import Any

from tests.infer import parts
from tests.infer.choices import Variant

_SOFTMAX = "HF's softmax is in float32, whatever the scores are."
_ROTATED = "TransformerLens rotates adjacent elements in float32, HF in the model's own precision."


def truth(v: Variant) -> dict[str, Any]:
    """The complete spec, without a parent."""
    own = parts.renamed(v)
    named: dict[str, Any] = {
        "architecture": f"{parts.prefix(v)}ForCausalLM",
        "summary": f"Synthetic architecture {v.seed}.",
        "paths": {
            "embed": f"{v.stem}.{v.embed}",
            "rotary": _rotary(v),
            "blocks": f"{v.stem}.{v.blocks}",
            "final_norm": f"{parts.head(v) or v.stem}.{v.final_norm}",
            "unembed": parts.unembed(v),
        },
        "norm": _norm(v),
        "block": {"topology": v.topology, **parts.norms(v)},
        "attention": _attention(v, own),
        "mlp": _mlp(v),
        "unembed_bias": v.unembed_bias,
        "tied_embeddings": _tied(v),
        "processing": _processing(v),
        "tokenizer": {"prepend_bos": True, "padding_side": "right"},
        "multipliers": _multipliers(v),
        "verification": _verification(v),
        "tiny": tiny(v),
        "defaults": _defaults(v),
    }
    if v.embedding_norm:
        named["embedding_norm"] = f"{v.stem}.{v.embedding_norm}"
    return named


def tiny(v: Variant) -> dict[str, Any]:
    """HF config of the tiny model."""
    own, found = parts.renamed(v), parts.config_fields(v)
    values = {own.get(key, key): (value, default) for key, (_, default, value) in found.items()}
    return {key: small for key, (small, default) in values.items() if small not in (None, default)}


def _rotary(v: Variant) -> str | None:
    """The module that TL can wrap: one of the model, which returns a pair or complex numbers."""
    wrapped = v.rotary_form in ("pair", "complex") and v.rotary_in == "model"
    return f"{v.stem}.{v.rotary}" if wrapped else None


def _norm(v: Variant) -> dict[str, Any]:
    bias = {"bias": v.norm_bias} if v.norm_kind == "layer" else {}
    return {"kind": v.norm_kind, "weight": v.norm_weight, **bias, "eps": v.eps_key or None}


def _attention(v: Variant, own: dict[str, str]) -> dict[str, Any]:
    kind = {"kind": "separate"} if v.fused == "separate" else {"kind": "fused", "layout": v.fused}
    optional = {
        "sinks": "sinks" if v.sinks else None,
        "gate": v.gate or None,
        "norm_before_o": v.norm_before_o or None,
        "returns": _returns(v),
        "own_mask": v.mask_in == "attention",
        "mask_hides": v.mask_true == "hidden",
        "scale": v.scale_name if v.scale_key and v.scale_name != "scaling" else None,
        "softcap": _cap_name(v),
        # The class does not say that it supports torch's SDPA.
        "fused": "never" if not v.sinks else None,
    }
    return {
        "kind": "reimplemented",
        "path": v.attention,
        "projections": {**kind, **parts.attention_modules(v)},
        "bias": parts.biases(v),
        "heads": _heads(v, own),
        "qk_norm": _qk_norm(v),
        "rope": _rope(v),
        "window": _window(v, own),
        **{key: value for key, value in optional.items() if value},
    }


def _cap_name(v: Variant) -> str | None:
    usual = v.cap_name == "attn_logit_softcapping"
    return None if usual or not v.softcap_key else v.cap_name


def _returns(v: Variant) -> Any:
    if isinstance(v.returns, str):
        return v.returns
    return list(v.returns) if v.returns != ("output", "pattern") else None


def _heads(v: Variant, own: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"query": own.get("num_attention_heads", "num_attention_heads")}
    if v.heads in ("gqa", "mqa"):
        found["key_value"] = own.get("num_key_value_heads", "num_key_value_heads")
    if v.heads == "multi_query":
        found["single"] = {"when": "multi_query"}
    if v.head_size == "explicit":
        found["head_dim"] = own.get("head_dim", "head_dim")
    return found


def _qk_norm(v: Variant) -> Any:
    if v.qk_norm == "none":
        return "none"
    q, k = v.qk_names
    norms: dict[str, Any] = {"q": q, "k": k, "after_rope": v.qk_after_rope}
    return {v.qk_norm: {**norms, "present": v.qk_key or True}}


def _rope(v: Variant) -> dict[str, Any]:
    layers: dict[str, Any] = {
        "list": {"flag": v.nope_flag},
        "interval": {"flag": v.nope_flag},
        "window": {"flag": v.window_attribute},
    }
    return {
        "pairing": v.pairing,
        "layers": layers.get(v.nope, v.nope),
        "backward": v.backward,
        "cosines": v.cosines,
        "module": v.rotary if v.rotary_in == "attention" else None,
        "length": "seq_len" if v.rotary_form == "table" else None,
        "argument": parts.positions(v) if parts.own_form(v) else None,
    }


def _window(v: Variant, own: dict[str, str]) -> Any:
    if v.window == "config":
        return {"config": own.get("sliding_window", "sliding_window")}
    return {"flag": v.window_attribute} if v.window == "flag" else v.window


def _mlp(v: Variant) -> dict[str, Any]:
    norm = {"norm_before_out": v.norm_before_out} if v.norm_before_out else {}
    first = {"first": v.first_half} if v.mlp_kind == "fused_gated" else {}
    return {
        **first,
        "kind": v.mlp_kind,
        "path": v.mlp,
        **parts.mlp_modules(v),
        "bias": parts.mlp_biases(v),
        "act": v.act_key or None,
        **norm,
    }


def _tied(v: Variant) -> bool | str:
    keys: dict[str, bool | str] = {"key": "tie_word_embeddings", "own_key": "share_embeddings"}
    return keys.get(v.tied, v.tied == "always")


def _multipliers(v: Variant) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if v.embedding_key:
        found["embedding"] = v.embedding_key
    if v.residual_key:
        found["residual"] = v.residual_key
    if v.logits != "none":
        found["logits"] = {v.logits: v.logits_key}
    return found


def _processing(v: Variant) -> dict[str, Any]:
    compatible = _compatible(v)
    # Where compatibility mode is invalid in any case, nothing shows whether folding is too.
    folding = "valid" if "invalid" in compatible else _foldable(v)
    return {
        "fold_ln": folding,
        "center_writing_weights": "valid",
        "compatibility_mode": compatible,
    }


def _foldable(v: Variant) -> Any:
    if "ln1" not in parts.norms(v) or v.norm_weight == "none":
        return "valid"
    if v.gate:
        return {"invalid": "The gate of attention reads ln1 too."}
    if v.norm_bias and (v.sinks or v.norm_before_o):
        return {"invalid": "It makes value biases of the norm's, which do not reach the output."}
    return "valid"


def _defaults(v: Variant) -> dict[str, Any]:
    """What the config's class has for keys that the adapter reads and that then do something."""
    keys = [v.embedding_key, v.residual_key, v.logits_key if v.logits != "none" else ""]
    keys += ["multi_query"] if v.heads == "multi_query" else []
    fields = parts.config_fields(v)
    return {key: fields[key][1] for key in keys if key}


def _compatible(v: Variant) -> Any:
    value_bias = parts.biases(v)["v"]
    if value_bias is False or not (v.gate or v.sinks or v.norm_before_o):
        return "valid"
    reason = "Value biases do not reach the output as they are, so that b_O cannot take them."
    if value_bias is True:
        return {"invalid": reason}
    return {"invalid_where": {"key": value_bias, "reason": reason}}


def _verification(v: Variant) -> dict[str, Any]:
    keys = [v.scale_key, v.softcap_key, v.final_softcap]
    keys += ["rope_parameters"] if v.rope_config == "parameters" else [v.theta_key]
    fields = parts.config_fields(v)
    keys += [key for key in ("rotary_fraction", v.rotary_key) if key in fields]
    found: dict[str, Any] = {
        "config": {key: "TransformerLens reads it, or what HF makes of it." for key in keys if key}
    }
    if v.pairing != "half" and not v.rope_casts:
        found["float32"] = _ROTATED
    if v.softmax in ("cast", "module"):
        found["float32"] = _SOFTMAX
    return found
