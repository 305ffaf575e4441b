"""Summed MLPs, recognised by running them."""

from adaptergen.components.mlp.infer import Facet, ProjectedInference, Wiring
from adaptergen.verify.check import EXACT, largest_difference
from tests.components.summed.probe import neurons


class Inference(ProjectedInference):
    """Without one projection, neurons are what the other gives."""

    roles = ("in", "out")

    def matched(self, wiring: Wiring) -> Facet | None:
        """The projections, by which of them is added as it is."""
        if len(wiring.inner) != 2 or wiring.norm is not None:
            return None
        hf, path = wiring.tiny.hf, wiring.path
        for into, beside in (wiring.inner, wiring.inner[::-1]):
            left = neurons(hf, path, wiring.out, f"{path}.{into}")
            if largest_difference(left, hf.call(f"{path}.{beside}").value) < EXACT:
                return {"in": into, "beside": beside, "out": wiring.out}
        return None
