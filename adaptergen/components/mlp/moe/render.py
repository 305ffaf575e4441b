"""The bridge of a mixture of experts."""

from adaptergen.components.mlp.moe.spec import MoeMlp
from adaptergen.components.mlp.render import MlpRender

# HF config keys that TL's own config takes over as its number of experts.
_COUNTS = ("num_experts", "num_local_experts")


class Render(MlpRender[MoeMlp]):
    """TL's bridge, which shows the router and what it chooses."""

    bridge = "MoEBridge"

    @property
    def settings(self) -> dict[str, str | None]:
        """The number of experts."""
        return {"num_experts": None if self.mlp.count in _COUNTS else self.mlp.count}
