"""Gated MLPs, recognised by running them."""

from adaptergen.components.mlp.infer import Facet, ProjectedInference, Wiring


class Inference(ProjectedInference):
    """Of two projections, one multiplies an activation of the other."""

    roles = ("gate", "in", "out")

    def matched(self, wiring: Wiring) -> Facet | None:
        """Gate, input and output, and the norm before this, if there is one."""
        if len(wiring.inner) != 2:
            return None
        for gate, up in (wiring.inner, wiring.inner[::-1]):
            if wiring.gates((f"{wiring.path}.{gate}", None), (f"{wiring.path}.{up}", None)):
                found = {"gate": gate, "in": up, "out": wiring.out}
                return {**found, "norm_before_out": wiring.norm} if wiring.norm else found
        return None
