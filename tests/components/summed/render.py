"""The bridge of a summed MLP."""

from adaptergen.components.mlp.render import ProjectedRender
from tests.components.summed.spec import SummedMlp


class Render(ProjectedRender[SummedMlp]):
    """TL's bridge, with a further projection."""

    bridge = "MLPBridge"
