"""An MLP without a gate in HF's model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from adaptergen.components.mlp.plain.spec import PlainMlp
from adaptergen.components.mlp.probe import Facts, ProjectedProbe
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact
from adaptergen.verify.hf import HfModel
from adaptergen.verify.interventions import Intervention, shifted
from adaptergen.verify.stage import Layer, Stage

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject


class Probe(ProjectedProbe[PlainMlp]):
    """Each hidden neuron is a function of one number that the input projection gives."""

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """Input and output."""
        yield from self.into(layer, "in", "pre", self.mlp.in_)
        yield from self.output(layer)

    def facts(self, hf: HfModel, path: str) -> Facts:
        """Whether neurons are activations of the input projection, each by itself."""
        into, out = f"{path}.{self.mlp.in_}", f"{path}.{self.mlp.out}"
        hidden = probe.hidden_by_element(hf, path, into, out)
        text = f"HF's {self.mlp.out} does not read an activation of {self.mlp.in_}, each by itself"
        read = hidden or probe.depends(hf, path, into, out)
        entered = torch.equal(hf.call(into).input, hf.call(path).input)
        yield hidden, text, "kind" if read else "out" if entered else "in"

    def claims(self, subject: "Subject") -> Iterator[Evidence]:
        """The facts of every layer, and whether HF's block changes what it returned."""
        yield from super().claims(subject)
        for number, layer in subject.layers.items():
            found = overwritten(subject.hf, layer, f"{layer}.{self.mlp.path}")
            text = f"HF's block {'changes' if found else 'does not change'} what its MLP returned"
            yield Fact(found == self.mlp.overwritten, text, number, "mlp.overwritten")

    def interventions(self) -> Iterator[Intervention]:
        """At the input projection too."""
        into = f"{self.mlp.path}.{self.mlp.in_}"
        yield Intervention("mlp.hook_pre", "mlp.in", into, "output", shifted)
        yield from super().interventions()


def overwritten(hf: HfModel, layer: str, path: str) -> bool:
    """Whether a layer computes in place with what its MLP returned."""
    kept: list[tuple[Tensor, Tensor]] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        kept.append((output, output.clone()))

    handle = hf.module(path).register_forward_hook(keep)
    try:
        with torch.no_grad():
            hf.rerun(layer, hf.call(layer))
    finally:
        handle.remove()
    return any(not torch.equal(output, before) for output, before in kept)
