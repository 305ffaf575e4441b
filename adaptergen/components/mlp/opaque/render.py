"""The bridge of an MLP that is left to HF."""

from adaptergen.components.mlp.opaque.spec import OpaqueMlp
from adaptergen.components.mlp.render import MlpRender


class Render(MlpRender[OpaqueMlp]):
    """TL's bridge around one piece."""

    bridge = "GeneralizedComponent"
