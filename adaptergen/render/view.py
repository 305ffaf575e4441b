"""What the templates print: a spec with every decision made."""

from dataclasses import dataclass
from typing import Any

from adaptergen.spec.model import Spec
from adaptergen.spec.processing import Invalid

_STEPS = {
    "fold_ln": "supports_fold_ln",
    "center_writing_weights": "supports_center_writing_weights",
    "compatibility_mode": "supports_compatibility_mode",
}


@dataclass(frozen=True)
class OptionalParameter:
    """A parameter of TL's naming that a state dict may lack, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class InvalidStep:
    """A weight-processing step that TL must leave out: the adapter's attribute, and why."""

    attribute: str
    reason: str


def class_name(spec: Spec) -> str:
    """Name of the generated adapter class, such as `SmolLM3ArchitectureAdapter`."""
    return f"{spec.prefix}ArchitectureAdapter"


def adapter_view(spec: Spec) -> dict[str, Any]:
    """Every name that the adapter's templates use."""
    custom = not spec.attention.rope.layers.every_layer
    bridge = f"_{spec.prefix}AttentionBridge" if custom else "PositionEmbeddingsAttentionBridge"
    return {
        "title": spec.name,
        "class_name": class_name(spec),
        "summary": spec.summary,
        "notes": spec.notes,
        "facts": _facts(spec),
        "optional_parameters": _optional_parameters(spec),
        "invalid_steps": _invalid_steps(spec),
        "flags": _flags(spec),
        "paths": spec.paths,
        "norm": spec.norm,
        "block": spec.block,
        "attention": spec.attention,
        "attention_bridge": bridge,
        "custom_attention_bridge": custom,
        "mlp": spec.mlp,
    }


def _facts(spec: Spec) -> list[str]:
    attention = spec.attention
    return [
        f"Norms: {spec.norm.title}.",
        spec.block.fact,
        attention.heads.fact,
        attention.qk_norm.fact,
        attention.rope.fact,
        attention.window.fact,
        spec.mlp.fact,
        _tying(spec.tied_embeddings),
    ]


def _tying(tied: bool | str) -> str:
    if isinstance(tied, str):
        return (
            f"Embeddings: the unembedding is the embedding's weight where `config.{tied}` is set."
        )
    shared = "is the embedding's weight" if tied else "has a weight of its own"
    return f"Embeddings: the unembedding {shared}."


def _flags(spec: Spec) -> dict[str, Any]:
    """TL config flags; all are set, since TL's defaults describe GPT-2."""
    return {
        "normalization_type": spec.norm.normalization_type,
        "uses_rms_norm": spec.norm.normalization_type == "RMS",
        "final_rms": spec.norm.normalization_type == "RMS",
        "positional_embedding_type": "rotary",
        "gated_mlp": spec.mlp.gated_mlp,
        "attn_only": False,
        "default_prepend_bos": spec.tokenizer.prepend_bos,
        "default_padding_side": spec.tokenizer.padding_side,
        "attn_implementation": "eager",
    }


def _optional_parameters(spec: Spec) -> list[OptionalParameter]:
    bias = spec.attention.bias
    biases = {
        "blocks.{i}.attn.b_Q": bias.q,
        "blocks.{i}.attn.b_K": bias.k,
        "blocks.{i}.attn.b_V": bias.v,
        "blocks.{i}.attn.b_O": bias.o,
        **{f"blocks.{{i}}.mlp.b_{role}": decided for role, decided in spec.mlp.biases.items()},
    }
    parameters = [
        OptionalParameter(
            name, f"`config.{decided}` decides" if isinstance(decided, str) else "never present"
        )
        for name, decided in biases.items()
        if decided is not True
    ]
    norms = [*(f"blocks.{{i}}.{role}.b" for role in spec.block.norms), "ln_final.b"]
    return parameters + [OptionalParameter(n, f"{spec.norm.title} has no bias") for n in norms]


def _invalid_steps(spec: Spec) -> list[InvalidStep]:
    return [
        InvalidStep(attribute, validity.invalid)
        for step, attribute in _STEPS.items()
        if isinstance(validity := getattr(spec.processing, step), Invalid)
    ]
