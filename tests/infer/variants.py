"""Synthetic architectures: remote code as people write it, and the spec that describes it."""

import json
import re
from pathlib import Path
from typing import Any

import jinja2

from tests.infer import parts
from tests.infer.choices import CHOICES, Variant, values_of
from tests.infer.drawing import draw
from tests.infer.parts import model_type
from tests.infer.truth import truth

__all__ = ["CHOICES", "Variant", "draw", "model_type", "truth", "values_of", "write"]

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def write(v: Variant, folder: Path) -> None:
    """Put the code of an architecture into a folder, with a config as checkpoints have it."""
    folder.mkdir(parents=True, exist_ok=True)
    kind, prefix = model_type(v), parts.prefix(v)
    given = _context(v)
    for name, owner in (("configuration", "self"), ("modeling", "config")):
        text = _own_attributes(v, _ENVIRONMENT.get_template(f"{name}.py.j2").render(given))
        (folder / f"{name}_{kind}.py").write_text(_own_names(v, owner, text), encoding="utf-8")
    config = {
        "architectures": [f"{prefix}ForCausalLM"],
        "auto_map": {
            "AutoConfig": f"configuration_{kind}.{prefix}Config",
            "AutoModelForCausalLM": f"modeling_{kind}.{prefix}ForCausalLM",
        },
        "model_type": kind,
        **_checkpoint(v),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


# What attention that computes for itself calls what HF's and TL's code asks for.
_ATTRIBUTES = {
    "head_dim": "d_head", "num_key_value_groups": "n_rep", "num_heads": "n_head",
    "num_kv_heads": "n_kv",
}  # fmt: skip
_SOFTMAXES = {
    "argument": "nn.functional.softmax(scores, dim=-1, dtype=torch.float32)",
    "function": "torch.softmax(scores, dim=-1, dtype=torch.float32)",
    "method": "scores.softmax(dim=-1, dtype=torch.float32)",
    "cast": "torch.softmax(scores.float(), -1)",
    "module": "nn.Softmax(dim=-1)(scores.float())",
}


def _own_attributes(v: Variant, text: str) -> str:
    own = {"scaling": v.scale_name, "attn_logit_softcapping": v.cap_name}
    named = {**_ATTRIBUTES, **own, "layer_idx": v.layer_name}
    for usual, own in named.items() if v.style != "interface" else ():
        text = re.sub(rf"\bself\.{usual}\b", f"self.{own}", text)
    return text


def _places(v: Variant, output: str) -> str:
    """What attention returns, or what a layer calls that."""
    names = {"output": output, "pattern": "attn_weights", "cache": v.cache_name, "nothing": "None"}
    if isinstance(v.returns, str):
        return names[v.returns]
    listed = ", ".join(names[place] for place in v.returns)
    return listed if len(v.returns) > 1 else f"({listed},)"


def _received(v: Variant) -> str:
    return _places(v, "hidden_states").replace(v.cache_name, "_").replace("None", "_")


def _handed(v: Variant) -> list[tuple[str, str]]:
    """What a layer hands to attention, in order: the argument's name, and the layer's own."""
    mask, cache = ("attention_mask", "attention_mask"), (v.cache_name, "cache")
    positions = ("position_ids", "position_ids")
    named = (parts.positions(v), "position_embeddings")
    rotary = [named] if v.rotary_in == "model" else []
    return [mask, positions, cache, *rotary]


def _span(v: Variant) -> str:
    """How far a layer sees, as an expression of its number."""
    slides = 'self.config.layer_types[index] == "sliding_attention"'
    each = f"self.config.sliding_window if {slides} else None"
    if v.mask_in == "attention":
        own = "self.sliding_window if self.is_sliding else None"
        each = f"self.{v.window_attribute}" if v.window == "flag" else own
    return {"none": "None", "config": "self.config.sliding_window"}.get(v.window, each)


def _own_names(v: Variant, owner: str, text: str) -> str:
    """Code that asks the config, under this name, for its own keys and not for HF's."""
    for canonical, own in parts.renamed(v).items():
        text = re.sub(rf"\b{owner}\.{canonical}\b", f"{owner}.{own}", text)
    return text


def _checkpoint(v: Variant) -> dict[str, Any]:
    """The config of a checkpoint of the usual size."""
    own = parts.renamed(v)
    fields = parts.config_fields(v)
    values = {own.get(key, key): default for key, (_, default, _) in fields.items()}
    if v.rope_config == "parameters":
        values["rope_parameters"] = fields["rope_parameters"][2]
    return {key: value for key, value in values.items() if value is not None}


def _context(v: Variant) -> dict[str, Any]:
    prefix = parts.prefix(v)
    attention, mlp = parts.attention_modules(v), parts.mlp_modules(v)
    return {
        "v": v,
        "p": prefix,
        "type": model_type(v),
        "norm_class": _norm_class(v),
        "norm": lambda shape: _norm(v, shape),
        "norms": parts.norms(v),
        "bias": lambda role: _value(parts.biases(v)[role]),
        "mlp_bias": lambda role: _value(parts.mlp_biases(v)[role]),
        "q": attention.get("q"),
        "k": attention.get("k"),
        "val": attention.get("v"),
        "qkv": attention.get("qkv"),
        "o": attention["o"],
        "gate": mlp.get("gate"),
        "gate_in": mlp.get("gate_in"),
        "up": mlp.get("in"),
        "down": mlp["out"],
        "head_dim": _head_dim(v),
        "kv_heads": _kv_heads(v),
        "qk_shapes": _qk_shapes(v),
        "normed": _normed(v),
        "rotates": _rotates(v),
        "positions": _turning(v),
        "cache": v.cache_name,
        "softmax": _SOFTMAXES.get(v.softmax),
        "returned": _places(v, "attn_output"),
        "received": _received(v),
        "handed": _handed(v),
        "eager": v.style != "interface",
        "weights": v.style != "interface" and "pattern" in v.returns and v.layer_returns == "tuple",
        "unembed": parts.unembed(v),
        "span": _span(v),
        "decoy": _decoy(v),
        "renamed": parts.renamed(v),
        "fields": _fields(v),
    }


def _fields(v: Variant) -> dict[str, tuple[str, str]]:
    own = parts.renamed(v)
    found = parts.config_fields(v)
    return {own.get(key, key): (kind, repr(value)) for key, (kind, value, _) in found.items()}


def _value(decided: bool | str) -> str:
    return f"config.{decided}" if isinstance(decided, str) else str(decided)


def _norm_class(v: Variant) -> str:
    if v.norm_impl == "torch":
        return "nn.RMSNorm" if v.norm_kind == "rms" else "nn.LayerNorm"
    return f"{parts.prefix(v)}{'RMSNorm' if v.seed % 2 and v.norm_kind == 'rms' else 'Norm'}"


def _norm(v: Variant, shape: str) -> str:
    eps = f"config.{v.eps_key}" if v.eps_key else "1e-5"
    options = ""
    if v.norm_impl == "torch":
        options += ", elementwise_affine=False" if v.norm_weight == "none" else ""
        bias = v.norm_kind == "layer" and not v.norm_bias and v.norm_weight != "none"
        options += ", bias=False" if bias else ""
    return f"{_norm_class(v)}({shape}, eps={eps}{options})"


def _head_dim(v: Variant) -> str:
    derived = "config.hidden_size // config.num_attention_heads"
    return f"config.head_dim or {derived}" if v.head_size == "explicit" else derived


def _kv_heads(v: Variant) -> str:
    return {
        "mha": "config.num_attention_heads",
        "multi_query": "1 if config.multi_query else config.num_attention_heads",
    }.get(v.heads, "config.num_key_value_heads")


def _qk_shapes(v: Variant) -> tuple[str, str]:
    return {
        "full_width": ("self.num_heads * self.head_dim", "self.num_kv_heads * self.head_dim"),
        "own_per_head": (
            "(self.num_heads, self.head_dim)", "(self.num_kv_heads, self.head_dim)",
        ),
    }.get(v.qk_norm, ("self.head_dim", "self.head_dim"))  # fmt: skip


def _normed(v: Variant) -> str:
    """The statement that norms queries and keys, in the body of a method."""
    q, k = v.qk_names
    statement = f"query, key = self.{q}(query), self.{k}(key)"
    return f"if self.use_qk_norm:\n            {statement}" if v.qk_key else statement


def _rotates(v: Variant) -> str:
    """When a layer rotates, as an expression; empty for always."""
    return {
        "list": f"self.{v.nope_flag}",
        "interval": f"self.{v.nope_flag}",
        "window": f"self.{v.window_attribute} is not None",
        "hybrid_sliding": "self.sliding_window is None or self.is_sliding",
        "handed": f"{parts.positions(v)} is not None",
    }.get(v.nope, "")


def _turning(v: Variant) -> str:
    """Cosines and sines [batch, pos, d_rotary], as an expression in attention."""
    handed = parts.positions(v)
    own = f"self.{v.rotary}(value, position_ids)" if v.rotary_in == "attention" else handed
    return {
        "table": f"[part[position_ids] for part in self.{v.rotary}(value, seq_len=tokens)]",
        "list": f"[part.squeeze(2) for part in {handed}]",
        "stacked": f"{handed}.unbind(-1)",
        "complex": f"(({handed}.real).to(query.dtype), ({handed}.imag).to(query.dtype))",
    }.get(v.rotary_form, own)


def _decoy(v: Variant) -> str:
    """An attribute that looks as if it decided which layers rotate."""
    real = v.nope_flag if v.nope in ("list", "interval") else ""
    return "use_rope" if real != "use_rope" else "rope_enabled"
