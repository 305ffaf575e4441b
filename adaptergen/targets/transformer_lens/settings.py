"""Settings of an adapter: fields of TL's config, and the valid steps of weight processing."""

from typing import Any, NamedTuple

from adaptergen.components.attention.render import render_of as attention_of
from adaptergen.components.mlp.render import render_of as mlp_of
from adaptergen.spec.model import Spec
from adaptergen.spec.processing import Invalid, InvalidWhere

_STEPS = {
    "fold_ln": "supports_fold_ln",
    "center_writing_weights": "supports_center_writing_weights",
    "compatibility_mode": "supports_compatibility_mode",
}


class InvalidStep(NamedTuple):
    """A weight-processing step that TL must leave out: the adapter's attribute, and why.

    With a `key`, only where that HF config key is set.
    """

    attribute: str
    reason: str
    key: str = ""


def settings(spec: Spec) -> dict[str, Any]:
    """The settings as templates print them."""
    flags = _flags(spec)
    return {
        "read_keys": spec.read_keys,
        "flags": flags,
        "recent_flags": [flag for flag in _RECENT_FLAGS if flag in flags],
        "copied_settings": _copied_settings(spec),
        "measured": _measured(spec),
        "learned_settings": _learned_settings(spec),
        "invalid_steps": _invalid_steps(spec),
        "conditional_steps": _conditional_steps(spec),
    }


# HF config keys that TL's own config takes over as the number that keeps a norm finite.
_NAMES_OF_EPS = ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps")
# Likewise, as the number of key and value heads, and as the size of heads.
_COUNTS_OF_HEADS = ("num_key_value_heads", "num_kv_heads", "n_kv_heads")
_SIZES_OF_HEADS = ("head_dim",)


def _learned_settings(spec: Spec) -> dict[str, str]:
    """Those by which the adapter maps weights, and which it has to know before it does."""
    heads = getattr(spec.attention, "heads", None)
    if heads is None:
        return {}
    counted = {"n_key_value_heads": heads.key_value, "d_head": heads.head_dim}
    known = (None, *_COUNTS_OF_HEADS, *_SIZES_OF_HEADS)
    return {field: key for field, key in counted.items() if key not in known}


def _copied_settings(spec: Spec) -> dict[str, str]:
    """TL config fields that TL does not fill by itself, with the HF config keys that have them."""
    eps = spec.norm.eps if spec.norm.eps not in _NAMES_OF_EPS else None
    cap = spec.multipliers.soft_cap
    known = {
        **mlp_of(spec.mlp).settings, "eps": eps, **attention_of(spec.attention).settings,
        "output_logits_soft_cap": cap,
    }  # fmt: skip
    return {field: key for field, key in known.items() if key is not None}


def _measured(spec: Spec) -> str:
    """The layer of the first block that reads hidden neurons, if no config key counts them."""
    layer = mlp_of(spec.mlp).measured
    return f"{spec.paths.blocks}.0.{layer}" if layer else ""


# Flags that TL 3.9 takes no notice of.
_RECENT_FLAGS = ("qk_norm_after_rope", "rotary_interleaved_cos_sin")


def _flags(spec: Spec) -> dict[str, Any]:
    """TL config flags; all are set that TL's defaults, which describe GPT-2, could get wrong."""
    return {
        "normalization_type": "RMS" if spec.norm.kind == "rms" else "LN",
        "uses_rms_norm": spec.norm.kind == "rms",
        "final_rms": spec.norm.kind == "rms",
        **_set({"rmsnorm_uses_offset": spec.norm.weight == "offset"}),
        "positional_embedding_type": "rotary" if spec.attention.rotary else "none",
        **_set({**attention_of(spec.attention).flags, "parallel_attn_mlp": spec.block.parallel}),
        "gated_mlp": spec.mlp.gated,
        "default_prepend_bos": spec.tokenizer.prepend_bos,
        "default_padding_side": spec.tokenizer.padding_side,
        "attn_implementation": "sdpa" if spec.fuses else "eager",
    }


def _set(flags: dict[str, bool]) -> dict[str, bool]:
    """The flags that hold: what describes other architectures is left alone."""
    return {flag: value for flag, value in flags.items() if value}


def _conditional_steps(spec: Spec) -> list[InvalidStep]:
    return [
        InvalidStep(attribute, where.invalid_where.reason, where.invalid_where.key)
        for step, attribute in _STEPS.items()
        if isinstance(where := getattr(spec.processing, step), InvalidWhere)
    ]


def _invalid_steps(spec: Spec) -> list[InvalidStep]:
    return [
        InvalidStep(attribute, validity.invalid)
        for step, attribute in _STEPS.items()
        if isinstance(validity := getattr(spec.processing, step), Invalid)
    ]
