"""A summed MLP in HF's model."""

from collections.abc import Iterator

import torch

from adaptergen.components.mlp.probe import Facts, ProjectedProbe
from adaptergen.verify.check import EXACT, largest_difference
from adaptergen.verify.hf import HfModel
from adaptergen.verify.probe import run_edited
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure
from tests.components.summed.spec import SummedMlp


class Probe(ProjectedProbe[SummedMlp]):
    """What is left without the activation's projection is the other one's share."""

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """Input, what is added, and output."""
        yield from self.into(layer, "in", "pre", self.mlp.in_)
        call = layer.call(f"{self.mlp.path}.{self.mlp.beside}")
        yield layer.stage("mlp.beside.hook_in", "mlp", "mlp.beside", call.input)
        yield layer.stage("mlp.beside.hook_out", "mlp", "mlp.beside", call.value)
        yield from self.output(layer)

    def parameters(self, path: str, built: Structure) -> dict[str, str]:
        """That of the projection that TL has no name for, too."""
        found = built.below(path, [self.mlp.beside], "mlp.beside")
        return found | super().parameters(path, built)

    def facts(self, hf: HfModel, path: str) -> Facts:
        """Whether neurons are the sum, for which an activation of nothing is nothing."""
        into, beside = f"{path}.{self.mlp.in_}", f"{path}.{self.mlp.beside}"
        added = neurons(hf, path, self.mlp.out, into)
        text = f"HF's MLP does not add {self.mlp.beside}(x) to act({self.mlp.in_}(x))"
        holds = largest_difference(added, hf.call(beside).value) < EXACT
        yield holds, text, "beside"
        activated = neurons(hf, path, self.mlp.out, beside)
        whole = hf.call(f"{path}.{self.mlp.out}").input
        yield largest_difference(added + activated, whole) < EXACT, text, "in"


def neurons(hf: HfModel, path: str, out: str, silenced: str) -> torch.Tensor:
    """The hidden neurons [batch, pos, d_mlp] while a projection returns zeros."""
    taken: list[torch.Tensor] = []
    handle = hf.module(f"{path}.{out}").register_forward_pre_hook(
        lambda _, args: taken.append(args[0])
    )
    try:
        run_edited(hf, path, {silenced: torch.zeros_like})
    finally:
        handle.remove()
    return taken[-1]
