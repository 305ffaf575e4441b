"""The bridge of attention that TL computes step by step."""

from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.components.attention.render import AttentionRender
from adaptergen.components.attention.window import ConfigWindow, FlaggedWindow, SlidingLayersWindow


class Render(AttentionRender[ReimplementedAttention]):
    """TL's bridge, or one of the module's own where TL's does not do as it is."""

    def bridge(self, fuses: bool) -> str:
        """One that leaves to HF what nobody looks at, or TL's."""
        return "HookAwareAttentionBridge" if fuses else "PositionEmbeddingsAttentionBridge"

    @property
    def customised(self) -> bool:
        """Whether anything is done otherwise than TL does it."""
        attention, rope = self.attention, self.attention.rope
        turning = (rope.backward, rope.per_pair, rope.module, rope.argument)
        other = (attention.norm_before_o, attention.returned, self.window, attention.named)
        own = (*turning, *other, attention.mask_hides, attention.mask_argument)
        return not rope.layers.every_layer or any(own)

    @property
    def window(self) -> str:
        """Of a layer that makes its own mask."""
        window = self.attention.window
        if not self.attention.own_mask:
            return ""
        if isinstance(window, ConfigWindow):
            return "config.window_size"
        if isinstance(window, FlaggedWindow):
            return f"hf_attention.{window.flag} or None"
        if isinstance(window, SlidingLayersWindow):
            return "hf_attention.sliding_window if hf_attention.is_sliding else None"
        return ""

    @property
    def flags(self) -> dict[str, bool]:
        """Pairs that rotate, and whether norms come after."""
        pairing, norms = self.attention.rope.pairing, self.attention.qk_norm.norms
        return {
            "rotary_adjacent_pairs": pairing == "adjacent",
            "rotary_interleaved_cos_sin": pairing == "interleaved",
            "qk_norm_after_rope": norms is not None and norms.after_rope,
        }

    @property
    def settings(self) -> dict[str, str | None]:
        """The window, for which attention that makes its own mask is asked."""
        window = self.attention.window
        if not self.attention.own_mask or not isinstance(window, ConfigWindow):
            return {}
        return {"window_size": window.config}
