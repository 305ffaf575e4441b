"""The bridge of a gated MLP."""

from adaptergen.components.mlp.gated.spec import GatedMlp
from adaptergen.components.mlp.render import ProjectedRender


class Render(ProjectedRender[GatedMlp]):
    """TL's bridge, without its own computation in compatibility mode."""

    bridge = "GatedMLPBridge"
