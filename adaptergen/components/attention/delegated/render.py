"""The bridge of attention that is left to HF between its projections."""

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.render import AttentionRender


class Render(AttentionRender[DelegatedAttention]):
    """A bridge around HF's computation, and blocks without hooks on inputs of heads."""

    block_bridge = "DelegatedAttentionBlockBridge"

    def bridge(self, fuses: bool) -> str:
        """One with hooks around the softmax, or without."""
        softmax = self.attention.softmax
        return "DelegatedAttentionBridge" if softmax else "PatternlessAttentionBridge"
