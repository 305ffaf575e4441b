"""A gated MLP in HF's model."""

from collections.abc import Iterator

import torch

from adaptergen.components.mlp.gated.spec import GatedMlp
from adaptergen.components.mlp.probe import Facts, ProjectedProbe, multiplied
from adaptergen.verify.hf import HfModel
from adaptergen.verify.interventions import Intervention, shifted
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure


class Probe(ProjectedProbe[GatedMlp]):
    """It is linear in its input projection and not in its gate."""

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """Gate, input and output."""
        yield from self.into(layer, "gate", "pre", self.mlp.gate)
        yield from self.into(layer, "in", "pre_linear", self.mlp.in_)
        yield from self.output(layer)

    def parameters(self, path: str, built: Structure) -> dict[str, str]:
        """Those of the norm of neurons, and those that no hook shows."""
        norm = [name for name in (self.mlp.norm_before_out,) if name is not None]
        return built.below(path, norm, "mlp.norm_before_out") | super().parameters(path, built)

    def facts(self, hf: HfModel, path: str) -> Facts:
        """Whether the gate multiplies the input, and what the norm of the product feeds."""
        mlp = self.mlp
        product = [*multiplied(mlp, hf, path, mlp.norm_before_out or mlp.out, "kind")]
        yield from product
        if mlp.norm_before_out is not None:
            normed = hf.call(f"{path}.{mlp.norm_before_out}").value
            reads = torch.equal(hf.call(f"{path}.{mlp.out}").input, normed)
            claim = "out" if all(holds for holds, *_ in product) else "norm_before_out"
            yield reads, f"HF's {mlp.out} does not read {mlp.norm_before_out}", claim

    def interventions(self) -> Iterator[Intervention]:
        """At the gate too."""
        gate = f"{self.mlp.path}.{self.mlp.gate}"
        yield Intervention("mlp.hook_pre", "mlp.gate", gate, "output", shifted)
        yield from super().interventions()

    def norms(self) -> Iterator[tuple[str, str]]:
        """The norm of neurons."""
        if self.mlp.norm_before_out is not None:
            yield "mlp.norm_before_out", f"{self.mlp.path}.{self.mlp.norm_before_out}"
