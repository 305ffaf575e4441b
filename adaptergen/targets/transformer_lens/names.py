"""Names that generated adapters use: what their templates may import, and what they bind."""

import builtins

from adaptergen.targets.transformer_lens import support

_COMPONENTS = "transformer_lens.model_bridge.generalized_components"

# Where each name that a template may use is imported from: TL's public API, whole modules, and what
# is generated beside the adapters.
PUBLIC_API = {
    "Any": "typing",
    "BlockBridge": _COMPONENTS,
    "ClassVar": "typing",
    "DelegatedAttentionBlockBridge": _COMPONENTS,
    "GeneralizedComponent": f"{_COMPONENTS}.base",
    "MLABlockBridge": _COMPONENTS,
    "MLPBridge": _COMPONENTS,
    "ParallelBlockBridge": _COMPONENTS,
    "ParamProcessingConversion": "transformer_lens.conversion_utils.param_processing_conversion",
    "RearrangeTensorConversion": "transformer_lens.conversion_utils.conversion_steps",
    "RotaryEmbeddingBridge": _COMPONENTS,
    "UnembeddingBridge": _COMPONENTS,
    "torch": "torch",
    **{name: f".{module}" for name, module in support.classes().items()},
}

# Variables and attributes of theirs, which a name imported under one of these would give way to.
VARIABLES = frozenset((
    "args", "attention_mask", "attn_output", "block_bridge", "cfg", "cosines_per_pair",
    "defaults", "hf_attention", "hf_model", "hidden_states", "kwargs", "logits_scaled_by",
    "n_heads", "n_key_value_heads", "normed", "norms", "output",
    "position_embeddings", "refused", "rope_optional", "rotates_backward", "self",
    "supports_fold_ln", "supports_hf_output_attentions", "versions",
))  # fmt: skip


def taken(name: str, adapter: str) -> str:
    """Why a name cannot be imported into the module of an adapter class; empty if it can."""
    if hasattr(builtins, name):
        return "Python has that name itself"
    if name in PUBLIC_API or name in VARIABLES:
        return "adapters use that name themselves"
    return "the adapter has that name" if name == adapter else ""
