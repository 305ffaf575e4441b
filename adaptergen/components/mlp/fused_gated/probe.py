"""A gated MLP whose gate is half of a projection, in HF's model."""

from collections.abc import Iterator

from adaptergen.components.mlp.fused_gated.spec import FusedGatedMlp
from adaptergen.components.mlp.probe import Facts, ProjectedProbe, halved, projected
from adaptergen.verify.hf import HfModel
from adaptergen.verify.stage import Layer, Stage

# TL's other names of what the halves are.
_HIDDEN = {"gate": "pre", "in": "pre_linear"}


class Probe(ProjectedProbe[FusedGatedMlp]):
    """It is linear in one half of its projection and not in the other."""

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """The projection whole and by halves, and the output."""
        call = layer.call(f"{self.mlp.path}.{self.mlp.gate_in}")
        yield layer.stage("mlp.gate_in.hook_in", "mlp", "mlp.gate_in", call.input)
        yield layer.stage("mlp.gate_in.hook_out", "mlp", "mlp.gate_in", call.value)
        for role, half in zip(self.mlp.halves, call.value.chunk(2, dim=-1), strict=True):
            values = (call.input, half)
            yield from projected(layer, role, "mlp.gate_in", _HIDDEN[role], values)
        yield from self.output(layer)

    def facts(self, hf: HfModel, path: str) -> Facts:
        """Whether the half that is called the gate multiplies the other."""
        yield from halved(self.mlp, hf, path, self.mlp.first)

    def shares(self, role: str) -> tuple[str, ...]:
        """The halves of the fused projection."""
        return self.mlp.halves if role == "gate_in" else (role,)
