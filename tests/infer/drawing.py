"""Draws synthetic architectures: each choice by itself, then what excludes others is settled."""

import random
from dataclasses import replace
from typing import Any

from tests.infer.choices import CHOICES, EAGER, LOOSE, OLDER, Variant

STYLES: dict[str, tuple[dict[str, tuple[Any, ...]], ...]] = {
    "interface": (),
    "eager": (EAGER,),
    "loose": (EAGER, LOOSE),
    "older": (EAGER, LOOSE),
}


def draw(seed: int, style: str = "interface") -> Variant:
    """The architecture of a seed: every choice by itself, then what excludes others settled."""
    rng = random.Random(seed)
    drawn = {name: rng.choice(options) for name, options in CHOICES.items()}
    for choices in STYLES[style]:
        drawn |= {name: rng.choice(options) for name, options in choices.items()}
    if style == "older":
        # By numbers of its own: those of other styles stay what they are.
        own = random.Random(f"older {seed}")
        drawn |= {name: own.choice(options) for name, options in OLDER.items()}
    return settled(Variant(seed=seed, style=style, **drawn))


def settled(v: Variant) -> Variant:
    """The architecture with choices changed that the language, TL or HF cannot have together."""
    of_parts = (_norms, _heads, _positions, _layers, _mlp, _embedding)
    for change in (_older, *of_parts, _softmax, _returns):
        v = change(v)
    return v


def _older(v: Variant) -> Variant:
    if v.rotary_form == "table":
        v = replace(v, rotary_in="attention")
    elif v.rotary_form != "pair":
        v = replace(v, rotary_in="model")
    if v.rotary_form in ("stacked", "complex"):
        pairing = "adjacent" if v.pairing == "interleaved" else v.pairing
        v = replace(v, cosines="per_pair", pairing=pairing)
    if v.masks != "boolean" or v.mask_in == "attention":
        v = replace(v, mask_true="seen")
    if v.mlp_kind != "fused_gated":
        v = replace(v, first_half="gate")
    return v


def _norms(v: Variant) -> Variant:
    if v.norm_weight == "none" or v.norm_kind == "rms":
        v = replace(v, norm_bias=False)
    if v.norm_weight == "offset" or v.qk_norm == "own_per_head":
        # torch's own norms have neither.
        v = replace(v, norm_impl="own")
    if v.topology in ("shared", "parallel"):
        # TL's parallel block has no factor.
        v = replace(v, residual_key="")
    if v.norm_impl == "torch":
        v = replace(v, norm_casts=False, eps_attribute="eps")
    return v


def _heads(v: Variant) -> Variant:
    if v.norm_weight == "none" and v.qk_norm in ("full_width", "own_per_head"):
        # TL takes a norm without weight for one of each head.
        v = replace(v, qk_norm="per_head")
    if v.heads in ("mqa", "multi_query") and v.qk_norm == "full_width":
        # A single key head is all heads together.
        v = replace(v, heads="gqa")
    if v.qk_norm != "per_head" or v.norm_kind == "layer":
        # TL norms after the rotation in this one layout; behind a LayerNorm, which takes the mean
        # of what has been rotated, no probe sees which elements rotate together.
        v = replace(v, qk_after_rope=False)
    if v.qk_after_rope:
        # The verifier looks for them behind the rotation without asking the key.
        v = replace(v, qk_key="")
    if v.fused != "separate" and v.bias in ("two_keys", "mixed"):
        v = replace(v, bias="qkv_key")
    return v


def _positions(v: Variant) -> Variant:
    if v.rope_config == "parameters" or v.rotary_part == 1.0:
        v = replace(v, rotary_key="")
    if v.pairing == "interleaved":
        # That is how cosines lie that come for each element.
        v = replace(v, cosines="per_element")
    if v.backward:
        v = replace(v, nope="all")
    if v.pairing == "half":
        v = replace(v, rope_casts=False)
    elif v.qk_after_rope or v.norm_before_o:
        # Too little of the rounding may be left to see.
        v = replace(v, rope_casts=True)
    elif v.activation == "relu2" and not v.rope_casts:
        # Squares make so much of it that it is no rounding any more.
        v = replace(v, activation="gelu")
    return v


def _layers(v: Variant) -> Variant:
    if v.rotary_in == "attention" and v.nope_flag == v.rotary:
        # Attention has a module of that name.
        v = replace(v, nope_flag="use_rope")
    if v.rotary_in == "attention" and v.nope == "handed":
        v = replace(v, nope="list")
    if v.nope == "hybrid_sliding":
        v = replace(v, window="sliding_layers")
    if v.nope == "window":
        v = replace(v, window="flag")
    return v


def _mlp(v: Variant) -> Variant:
    if v.mlp_kind != "gated":
        v = replace(v, norm_before_out="")
    return v


def _embedding(v: Variant) -> Variant:
    if v.embedding_norm:
        # The verifier looks for the multiplied embedding at the first block, behind the norm.
        v = replace(v, embedding_key="")
    return v


def _softmax(v: Variant) -> Variant:
    if v.softmax in ("cast", "module") and v.activation == "relu2":
        # Squares make so much of the rounding that it is no rounding any more.
        v = replace(v, activation="gelu")
    return v


def _returns(v: Variant) -> Variant:
    if v.layer_returns == "tensor" or "pattern" not in v.returns:
        v = replace(v, collects=False)
    return v
