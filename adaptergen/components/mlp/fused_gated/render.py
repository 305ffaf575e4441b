"""The bridge of a gated MLP whose gate is half of a projection."""

from adaptergen.components.mlp.fused_gated.spec import FusedGatedMlp
from adaptergen.components.mlp.render import ProjectedRender


class Render(ProjectedRender[FusedGatedMlp]):
    """A bridge with parts for the halves of HF's projection."""

    bridge = "JointGatedMLPBridge"
