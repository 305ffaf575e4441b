"""The classes of TL's, or of the generated module itself, that wrap each part of a model."""

from typing import Any, NamedTuple

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.components.attention.spec import Attention
from adaptergen.components.attention.window import ConfigWindow, FlaggedWindow, SlidingLayersWindow
from adaptergen.components.mlp.render import render_of
from adaptergen.spec.block import Block, Layout
from adaptergen.spec.hatch import Hatch
from adaptergen.spec.model import Spec
from adaptergen.spec.norm import Norm

_ATTENTION_BRIDGES = {
    "delegated": "DelegatedAttentionBridge",
    "latent": "MLAAttentionBridge",
    "opaque": "GeneralizedComponent",
}

# Blocks without hooks on the inputs of queries, keys and values.
_BLOCK_BRIDGES = {
    "delegated": "DelegatedAttentionBlockBridge",
    "latent": "MLABlockBridge",
    "opaque": "DelegatedAttentionBlockBridge",
}
# Kinds of attention in which nothing reads for queries, keys or values alone.
_WITHOUT_INPUTS = ("latent", "opaque")


def bridges(spec: Spec) -> dict[str, Any]:
    """The bridges as templates print them."""
    hatch = spec.hatch or Hatch(reason="None.")
    custom = hatch.attention is None and _has_own_attention_bridge(spec.attention)
    own = f"_{spec.prefix}AttentionBridge" if custom else _attention_bridge(spec)
    return {
        "adapter_base": "ScaledLogitsAdapter" if spec.multipliers.logits.done else "BaseAdapter",
        "block_bridge": imported_name(hatch.block) or _block_bridge(spec, spec.block),
        "block_bridge_base": None if hatch.block else _block_bridge_base(spec),
        "layouts": _layouts(spec),
        "attention_bridge": imported_name(hatch.attention) or own,
        "custom_attention_bridge": custom,
        "own_window": _own_window(spec.attention),
        "reimplemented_bridge": _reimplemented_bridge(spec),
        "mlp_bridge": imported_name(hatch.mlp) or _mlp_bridge(spec),
        "copies_mlp": render_of(spec.mlp).copied,
    }


class NormBridge(NamedTuple):
    """The bridge of norms, and its arguments beside name and config."""

    bridge: str
    arguments: dict[str, bool]


def norm_bridge(norm: Norm) -> NormBridge:
    """The bridge of norms that are as the residual stream's."""
    if norm.kind == "rms":
        return NormBridge("RMSNormalizationBridge", {})
    offset = {"uses_weight_offset": True} if norm.weight == "offset" else {}
    return NormBridge("NormalizationBridge", offset)


def imported_name(imported: str | None) -> str:
    """The name that an `ImportedName` brings in; empty for none."""
    return imported.partition(":")[2] if imported else ""


def _reimplemented_bridge(spec: Spec) -> str:
    """The bridge of attention that TL computes step by step."""
    return "HookAwareAttentionBridge" if spec.fuses else "PositionEmbeddingsAttentionBridge"


def _attention_bridge(spec: Spec) -> str:
    if isinstance(spec.attention, DelegatedAttention) and not spec.attention.softmax:
        return "PatternlessAttentionBridge"
    return _ATTENTION_BRIDGES.get(spec.attention.kind) or _reimplemented_bridge(spec)


def _mlp_bridge(spec: Spec) -> str:
    mlp = render_of(spec.mlp)
    return f"_{spec.prefix}MLPBridge" if mlp.copied else mlp.bridge


def _has_own_attention_bridge(attention: Attention) -> bool:
    """Whether TL's bridge does not do as it is."""
    if not isinstance(attention, ReimplementedAttention):
        return False
    rope = attention.rope
    turning = (rope.backward, rope.per_pair, rope.module, rope.argument)
    other = (attention.norm_before_o, attention.returned, _own_window(attention), attention.named)
    own = (*turning, *other, attention.mask_hides, attention.mask_argument)
    return not rope.layers.every_layer or any(own)


def _own_window(attention: Attention) -> str:
    """How far a layer sees, as an expression of its HF attention; empty where HF's mask says it."""
    window = attention.window
    if not getattr(attention, "own_mask", False):
        return ""
    if isinstance(window, ConfigWindow):
        return "config.window_size"
    if isinstance(window, FlaggedWindow):
        return f"hf_attention.{window.flag} or None"
    if isinstance(window, SlidingLayersWindow):
        return "hf_attention.sliding_window if hf_attention.is_sliding else None"
    return ""


class BlockLayout(NamedTuple):
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
        usual = "PostNormBlockBridge" if "ln2" not in block.norms else "BlockBridge"
        return _BLOCK_BRIDGES.get(spec.attention.kind, usual)
    return f"_{spec.prefix}BlockBridge" if spec.attention.kind in _WITHOUT_INPUTS else special


def _special_block_bridge(spec: Spec, block: Block) -> str | None:
    """TL's bridge of blocks that add up in another way, whatever their attention is."""
    if spec.multipliers.residual is not None:
        return "ScaledResidualBlockBridge"
    return "ParallelBlockBridge" if block.parallel else None


def _block_bridge_base(spec: Spec) -> str | None:
    """TL's bridge of a block that adds up in another way, and lacks hooks that attention lacks."""
    if spec.attention.kind not in _WITHOUT_INPUTS:
        return None
    blocks = [spec.block, *(layout.block for layout in spec.layouts)]
    found = (_special_block_bridge(spec, block) for block in blocks)
    return next((bridge for bridge in found if bridge is not None), None)
