"""What the templates print: a spec with every decision made."""

from dataclasses import dataclass
from typing import Any

from adaptergen.spec.attention import Attention, ReimplementedAttention
from adaptergen.spec.block import Block, Layout
from adaptergen.spec.hatch import Hatch
from adaptergen.spec.model import Spec
from adaptergen.spec.processing import Invalid, InvalidWhere
from adaptergen.spec.projections import FusedProjections

_ATTENTION_BRIDGES = {
    "delegated": "AttentionBridge",
    "latent": "MLAAttentionBridge",
    "opaque": "GeneralizedComponent",
}
_MLP_BRIDGES = {
    "gated": "GatedMLPBridge",
    "plain": "MLPBridge",
    "fused_gated": "JointGatedMLPBridge",
    "moe": "MoEBridge",
    "opaque": "GeneralizedComponent",
}

# Blocks without hooks on the inputs of queries, keys and values.
_BLOCK_BRIDGES = {
    "delegated": "DelegatedAttentionBlockBridge",
    "latent": "MLABlockBridge",
    "opaque": "DelegatedAttentionBlockBridge",
}

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


@dataclass(frozen=True)
class ConditionalStep(InvalidStep):
    """A step that TL must leave out where an HF config key is set."""

    key: str


def class_name(spec: Spec) -> str:
    """Name of the generated adapter class, such as `SmolLM3ArchitectureAdapter`."""
    return f"{spec.prefix}ArchitectureAdapter"


def adapter_view(spec: Spec) -> dict[str, Any]:
    """Every name that the adapter's templates use."""
    hatch = spec.hatch or Hatch(reason="None.")
    custom = hatch.attention is None and _has_own_attention_bridge(spec.attention)
    own = f"_{spec.prefix}AttentionBridge" if custom else _attention_bridge(spec)
    return {
        "title": spec.name,
        "prefix": spec.prefix,
        "class_name": class_name(spec),
        "adapter_base": "ScaledLogitsAdapter" if spec.multipliers.logits.done else "BaseAdapter",
        "summary": spec.summary,
        "notes": spec.notes,
        "facts": _facts(spec),
        "optional_parameters": _optional_parameters(spec),
        "read_keys": spec.read_keys,
        "invalid_steps": _invalid_steps(spec),
        "conditional_steps": _conditional_steps(spec),
        "flags": _flags(spec),
        "recent_flags": [flag for flag in _RECENT_FLAGS if flag in _flags(spec)],
        "paths": spec.paths,
        "norm": spec.norm,
        "block": spec.block,
        "block_bridge": _name(hatch.block) or _block_bridge(spec, spec.block),
        "layouts": _layouts(spec),
        "block_bridge_base": None if hatch.block else _block_bridge_base(spec),
        "multipliers": spec.multipliers,
        "attention": spec.attention,
        "attention_bridge": _name(hatch.attention) or own,
        "custom_attention_bridge": custom,
        "fuses": spec.fuses,
        "reimplemented": _reimplemented(spec),
        "splits_projections": isinstance(
            getattr(spec.attention, "projections", None), FusedProjections
        ),
        "mlp": spec.mlp,
        "mlp_bridge": _name(hatch.mlp) or _mlp_bridge(spec),
        "copies_mlp": _copies_mlp(spec),
        "refused": spec.refused,
        "prepare": _name(hatch.prepare_model),
        "side_mlp": spec.side_mlp,
        "copied_settings": _copied_settings(spec),
    }


@dataclass(frozen=True)
class Reimplemented:
    """The bridge of attention that TL computes step by step, and its method that does."""

    bridge: str
    method: str


def _reimplemented(spec: Spec) -> Reimplemented:
    if spec.fuses:
        return Reimplemented("HookAwareAttentionBridge", "reconstructed")
    return Reimplemented("PositionEmbeddingsAttentionBridge", "forward")


def _attention_bridge(spec: Spec) -> str:
    return _ATTENTION_BRIDGES.get(spec.attention.kind) or _reimplemented(spec).bridge


def _name(imported: str | None) -> str:
    """The name that an `ImportedName` brings in; empty for none."""
    return imported.partition(":")[2] if imported else ""


def _copies_mlp(spec: Spec) -> bool:
    return bool(getattr(spec.mlp, "overwritten", False))


def _mlp_bridge(spec: Spec) -> str:
    return f"_{spec.prefix}MLPBridge" if _copies_mlp(spec) else _MLP_BRIDGES[spec.mlp.kind]


def _has_own_attention_bridge(attention: Attention) -> bool:
    """Whether TL's bridge does not do as it is."""
    if not isinstance(attention, ReimplementedAttention):
        return False
    rope = attention.rope
    own = (rope.backward, rope.per_pair, attention.norm_before_o, attention.returned)
    return not rope.layers.every_layer or any(own)


# HF config keys that TL's own config takes over as its number of experts.
_COUNTS_OF_EXPERTS = ("num_experts", "num_local_experts")
# Likewise, as the number that keeps a norm finite.
_NAMES_OF_EPS = ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps")


def _copied_settings(spec: Spec) -> dict[str, str]:
    """TL config fields that TL does not fill by itself, with the HF config keys that have them."""
    count = getattr(spec.mlp, "count", None)
    copied = {"num_experts": count} if count not in (None, *_COUNTS_OF_EXPERTS) else {}
    # What the heads return is split by it.
    size, width = getattr(spec.attention, "value_head_dim", None), getattr(spec.mlp, "width", None)
    eps = spec.norm.eps if spec.norm.eps not in _NAMES_OF_EPS else None
    known = {"d_head": size, "d_mlp": width, "eps": eps}
    return copied | {field: key for field, key in known.items() if key is not None}


@dataclass(frozen=True)
class BlockLayout:
    """A block, the bridge that wraps it, and the spec's layout that it is of, if any."""

    of: Layout | None
    block: Block
    bridge: str


def _layouts(spec: Spec) -> list[BlockLayout]:
    """All layouts of an architecture that has several, the one without condition last."""
    if not spec.layouts:
        return []
    blocks = [*((layout, layout.block) for layout in spec.layouts), (None, spec.block)]
    return [BlockLayout(layout, block, _block_bridge(spec, block)) for layout, block in blocks]


def _block_bridge(spec: Spec, block: Block) -> str:
    special = _special_block_bridge(spec, block)
    if special is None:
        return _BLOCK_BRIDGES.get(spec.attention.kind, "BlockBridge")
    return f"_{spec.prefix}BlockBridge" if spec.attention.kind == "opaque" else special


def _special_block_bridge(spec: Spec, block: Block) -> str | None:
    """TL's bridge of blocks that add up in another way, whatever their attention is."""
    if spec.multipliers.residual is not None:
        return "ScaledResidualBlockBridge"
    return "ParallelBlockBridge" if block.parallel else None


def _block_bridge_base(spec: Spec) -> str | None:
    """TL's bridge of a block that lacks what attention as one piece lacks, where TL has none."""
    if spec.attention.kind != "opaque":
        return None
    blocks = [spec.block, *(layout.block for layout in spec.layouts)]
    found = (_special_block_bridge(spec, block) for block in blocks)
    return next((bridge for bridge in found if bridge is not None), None)


def _facts(spec: Spec) -> list[str]:
    attention = spec.attention
    return [
        f"Norms: {spec.norm.title}.",
        spec.block.fact,
        *(
            other.block.fact.replace("Block:", f"Block {other.condition}:")
            for other in spec.layouts
        ),
        *attention.facts,
        spec.mlp.fact,
        *([spec.side_mlp.fact] if spec.side_mlp else []),
        *spec.multipliers.facts,
        *([spec.hatch.fact] if spec.hatch else []),
        *(f"Refused where `config.{key}` is set: {why}" for key, why in spec.refused.items()),
        _tying(spec.tied_embeddings),
    ]


def _tying(tied: bool | str) -> str:
    if isinstance(tied, str):
        return (
            f"Embeddings: the unembedding is the embedding's weight where `config.{tied}` is set."
        )
    shared = "is the embedding's weight" if tied else "has a weight of its own"
    return f"Embeddings: the unembedding {shared}."


# Flags that TL 3.9 takes no notice of.
_RECENT_FLAGS = ("qk_norm_after_rope", "rotary_interleaved_cos_sin")


def _flags(spec: Spec) -> dict[str, Any]:
    """TL config flags; all are set that TL's defaults, which describe GPT-2, could get wrong."""
    return {
        "normalization_type": spec.norm.normalization_type,
        "uses_rms_norm": spec.norm.normalization_type == "RMS",
        "final_rms": spec.norm.normalization_type == "RMS",
        **_set({"rmsnorm_uses_offset": spec.norm.weight == "offset"}),
        "positional_embedding_type": "rotary" if spec.attention.rotary else "none",
        **_set({**spec.attention.flags, "parallel_attn_mlp": spec.block.parallel}),
        "gated_mlp": spec.mlp.gated_mlp,
        "default_prepend_bos": spec.tokenizer.prepend_bos,
        "default_padding_side": spec.tokenizer.padding_side,
        "attn_implementation": "sdpa" if spec.fuses else "eager",
    }


def _set(flags: dict[str, bool]) -> dict[str, bool]:
    """The flags that hold: what describes other architectures is left alone."""
    return {flag: value for flag, value in flags.items() if value}


def _optional_parameters(spec: Spec) -> list[OptionalParameter]:
    found = [
        *(_optional(f"blocks.{{i}}.attn.b_{role.upper()}", decided)
          for role, decided in spec.attention.biases.items()),
        *(_optional(f"blocks.{{i}}.mlp.b_{role}", decided)
          for role, decided in spec.mlp.biases.items()),
        _optional("unembed.b", spec.unembed_bias),
    ]  # fmt: skip
    absent = [] if spec.norm.bias else ["b"]
    absent += ["w"] if spec.norm.weight == "none" else []
    norms = [*(f"blocks.{{i}}.{role}" for role in spec.block.norms), "ln_final"]
    said = "has no weight and no bias" if len(absent) == 2 else "has no bias"
    reason = f"{'RMSNorm' if spec.norm.kind == 'rms' else 'this LayerNorm'} {said}"
    return [parameter for parameter in found if parameter] + [
        OptionalParameter(f"{norm}.{name}", reason) for norm in norms for name in absent
    ]


def _optional(name: str, decided: bool | str) -> OptionalParameter | None:
    if decided is True:
        return None
    key = f"`config.{decided}` decides" if isinstance(decided, str) else "never present"
    return OptionalParameter(name, key)


def _conditional_steps(spec: Spec) -> list[ConditionalStep]:
    return [
        ConditionalStep(attribute, where.invalid_where.reason, where.invalid_where.key)
        for step, attribute in _STEPS.items()
        if isinstance(where := getattr(spec.processing, step), InvalidWhere)
    ]


def _invalid_steps(spec: Spec) -> list[InvalidStep]:
    return [
        InvalidStep(attribute, validity.invalid)
        for step, attribute in _STEPS.items()
        if isinstance(validity := getattr(spec.processing, step), Invalid)
    ]
