"""An MLP that is left to HF, in HF's model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent

from adaptergen.components.mlp.opaque.spec import OpaqueMlp
from adaptergen.components.mlp.probe import Facts, MlpProbe
from adaptergen.spec.model import Spec
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact
from adaptergen.verify.hf import HfModel
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject


class Probe(MlpProbe[OpaqueMlp]):
    """One module that HF runs once, on each token by itself."""

    output_claim = "mlp.path"
    bridges: ClassVar[dict[str, type[Any]]] = {"blocks.mlp": GeneralizedComponent}

    @property
    def unnamed(self) -> str:
        """The reason that the spec gives."""
        return f"the MLP is HF's own as one piece: {self.mlp.reason}"

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """None: its input and output are stages of the block."""
        yield from ()

    def parameters(self, path: str, built: Structure) -> dict[str, str]:
        """All that the module has."""
        parent, _, name = path.rpartition(".")
        return built.below(parent, [name], "mlp.path")

    def facts(self, hf: HfModel, path: str) -> Facts:
        """Whether it runs once."""
        times = hf.seen.runs.get(path, 0)
        yield times == 1, f"HF runs {self.mlp.path} {times} times in one pass", "path"

    def placed(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether it sees one token."""
        for number, path in subject.below(self.mlp.path):
            tokens = probe.reach(subject.hf, path)
            text = f"HF's {self.mlp.path} sees {tokens} tokens, an MLP sees one"
            yield Fact(tokens == 1, text, number, "mlp.path")

    def keeps_norm(self, spec: Spec) -> bool:
        """Always: TL does not see what reads it."""
        return True
