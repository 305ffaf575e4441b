"""MLPs without a gate, recognised by running them."""

from adaptergen.components.mlp.infer import Facet, ProjectedInference, Wiring
from adaptergen.components.mlp.plain.probe import overwritten
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.verify import probe


class Inference(ProjectedInference):
    """Each neuron is an activation of what one projection gives."""

    roles = ("in", "out")

    def propose(self, tiny: TinyModel, paths: list[str]) -> Facet | None:
        """Whether HF's block changes the output in place, too."""
        found = super().propose(tiny, paths)
        if found is not None and overwritten(tiny.hf, tiny.layers[0], paths[0]):
            found["overwritten"] = True
        return found

    def matched(self, wiring: Wiring) -> Facet | None:
        """Input and output."""
        if len(wiring.inner) != 1 or wiring.norm is not None:
            return None
        into = f"{wiring.path}.{wiring.inner[0]}"
        alone = probe.hidden_by_element(wiring.tiny.hf, wiring.path, into, wiring.reader)
        return {"in": wiring.inner[0], "out": wiring.out} if alone else None
