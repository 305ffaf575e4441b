"""The bridge of multi-head latent attention."""

from adaptergen.components.attention.latent.spec import LatentAttention
from adaptergen.components.attention.render import AttentionRender


class Render(AttentionRender[LatentAttention]):
    """TL's bridges of such attention and of its blocks."""

    block_bridge = "MLABlockBridge"
    has_inputs = False

    def bridge(self, fuses: bool) -> str:
        """TL's own."""
        return "MLAAttentionBridge"

    @property
    def settings(self) -> dict[str, str | None]:
        """The size by which the heads' output is split."""
        return {"d_head": self.attention.value_head_dim}
