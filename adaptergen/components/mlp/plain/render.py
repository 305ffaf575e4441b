"""The bridge of an MLP without a gate."""

from adaptergen.components.mlp.plain.spec import PlainMlp
from adaptergen.components.mlp.render import ProjectedRender


class Render(ProjectedRender[PlainMlp]):
    """TL's bridge, or one that copies its output."""

    bridge = "MLPBridge"

    @property
    def copied(self) -> bool:
        """Whether HF's block changes the output in place."""
        return self.mlp.overwritten
