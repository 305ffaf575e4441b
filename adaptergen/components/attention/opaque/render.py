"""The bridge of attention that is left to HF as one piece."""

from adaptergen.components.attention.opaque.spec import OpaqueAttention
from adaptergen.components.attention.render import AttentionRender


class Render(AttentionRender[OpaqueAttention]):
    """TL's bridge around one piece, and blocks without hooks on inputs of heads."""

    block_bridge = "DelegatedAttentionBlockBridge"
    has_inputs = False

    def bridge(self, fuses: bool) -> str:
        """TL's own for anything."""
        return "GeneralizedComponent"
