"""Gated MLPs whose gate is half of a projection, recognised by running them."""

import torch

from adaptergen.components.mlp.infer import Facet, ProjectedInference, Wiring


class Inference(ProjectedInference):
    """Of the halves of one projection, one multiplies an activation of the other."""

    roles = ("gate_in", "out")

    def matched(self, wiring: Wiring) -> Facet | None:
        """The fused projection and the output, and which half is the gate."""
        if len(wiring.inner) != 1 or wiring.norm is not None:
            return None
        into = f"{wiring.path}.{wiring.inner[0]}"
        halves = torch.arange(wiring.tiny.hf.call(into).value.shape[-1]).chunk(2)
        for word, (one, other) in (("gate", halves), ("in", halves[::-1])):
            if wiring.gates((into, one), (into, other)):
                found = {"gate_in": wiring.inner[0], "out": wiring.out}
                return {**found, "first": word} if word == "in" else found
        return None
