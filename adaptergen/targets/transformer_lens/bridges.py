"""The classes of TL's, or of the generated module itself, that wrap each part of a model."""

from typing import Any, NamedTuple

from adaptergen.components.attention.render import render_of as attention_of
from adaptergen.components.mlp.render import render_of as mlp_of
from adaptergen.spec.block import Block, Layout
from adaptergen.spec.hatch import Hatch
from adaptergen.spec.model import Spec
from adaptergen.spec.norm import Norm


def bridges(spec: Spec) -> dict[str, Any]:
    """The bridges as templates print them."""
    hatch = spec.hatch or Hatch(reason="None.")
    attention = attention_of(spec.attention)
    custom, bridge = hatch.attention is None and attention.customised, attention.bridge(spec.fuses)
    own = f"_{spec.prefix}AttentionBridge" if custom else bridge
    return {
        "adapter_base": "ScaledLogitsAdapter" if spec.multipliers.logits.done else "BaseAdapter",
        "block_bridge": imported_name(hatch.block) or _block_bridge(spec, spec.block),
        "block_bridge_base": None if hatch.block else _block_bridge_base(spec),
        "layouts": _layouts(spec),
        "attention_bridge": imported_name(hatch.attention) or own,
        "custom_attention_bridge": custom,
        "own_window": attention.window,
        "reimplemented_bridge": bridge,
        "mlp_bridge": imported_name(hatch.mlp) or _mlp_bridge(spec),
        "copies_mlp": mlp_of(spec.mlp).copied,
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


def _mlp_bridge(spec: Spec) -> str:
    mlp = mlp_of(spec.mlp)
    return f"_{spec.prefix}MLPBridge" if mlp.copied else mlp.bridge


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
    attention, special = attention_of(spec.attention), _special_block_bridge(spec, block)
    if special is None:
        usual = "PostNormBlockBridge" if "ln2" not in block.norms else "BlockBridge"
        return attention.block_bridge or usual
    return special if attention.has_inputs else f"_{spec.prefix}BlockBridge"


def _special_block_bridge(spec: Spec, block: Block) -> str | None:
    """TL's bridge of blocks that add up in another way, whatever their attention is."""
    if spec.multipliers.residual is not None:
        return "ScaledResidualBlockBridge"
    return "ParallelBlockBridge" if block.parallel else None


def _block_bridge_base(spec: Spec) -> str | None:
    """TL's bridge of a block that adds up in another way, and lacks hooks that attention lacks."""
    if attention_of(spec.attention).has_inputs:
        return None
    blocks = [spec.block, *(layout.block for layout in spec.layouts)]
    found = (_special_block_bridge(spec, block) for block in blocks)
    return next((bridge for bridge in found if bridge is not None), None)
