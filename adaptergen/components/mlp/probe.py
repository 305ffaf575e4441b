"""HF's side of an MLP: its parameters and activations, and what it computes."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from adaptergen.components.mlp.spec import Mlp, ProjectedMlp
from adaptergen.language.kinds import module_of
from adaptergen.spec.model import Spec
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact
from adaptergen.verify.components import known_to_tl
from adaptergen.verify.hf import HfModel
from adaptergen.verify.interventions import Intervention, shifted
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure
from adaptergen.verify.versions import exceptions_apply

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject

M = TypeVar("M", bound=Mlp)
P = TypeVar("P", bound=ProjectedMlp)

# Whether something holds of one layer, what is wrong if not, and the key of the facet that says it.
Facts: TypeAlias = Iterator[tuple[bool, str, str]]


class MlpProbe(Generic[M]):
    """A kind of MLP, seen in HF's model; each kind has a subclass that is called `Probe`.

    `output_claim` is the claim that says what its output is. `bridges` are the classes that
    components must have, by the names of these.
    """

    output_claim: ClassVar[str] = "mlp.out"
    bridges: ClassVar[dict[str, type[Any]]] = {}

    def __init__(self, mlp: M) -> None:
        self.mlp = mlp

    @property
    def unnamed(self) -> str:
        """The reason why TL has no names for its weights; empty where it has."""
        return ""

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """The activations between its input and its output."""
        raise NotImplementedError

    def parameters(self, path: str, built: Structure) -> dict[str, str]:
        """Names of its parameters beside the linear layers, with the claims that lead to them."""
        raise NotImplementedError

    def facts(self, hf: HfModel, path: str) -> Facts:
        """What its kind says of the module at a path, and whether it is so."""
        raise NotImplementedError

    def placed(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether an MLP is at its path, where nothing inside of it is named."""
        yield from ()

    def claims(self, subject: "Subject") -> Iterator[Evidence]:
        """The facts of every layer."""
        for number, path in subject.below(self.mlp.path):
            for holds, text, claim in self.facts(subject.hf, path):
                yield Fact(holds, text, number, f"mlp.{claim}")

    def interventions(self) -> Iterator[Intervention]:
        """A vector added to what it returns, and inside of it."""
        yield Intervention("mlp.hook_out", "mlp.path", self.mlp.path, "output", shifted)

    def norms(self) -> Iterator[tuple[str, str]]:
        """Claims and paths of norms inside of it."""
        yield from ()

    def sizes(self, subject: "Subject") -> Iterator[tuple[str, int, str]]:
        """Fields of TL's config, with HF's sizes and the claims that give them."""
        yield from ()

    def choosing(self, subject: "Subject") -> Iterator[str]:
        """Paths of modules that HF runs and that choose, where rounding may choose otherwise."""
        yield from ()

    def may_lack(self, component: str) -> bool:
        """Whether some layers lack a component of it."""
        return False

    def keeps_norm(self, spec: Spec) -> bool:
        """Whether TL leaves the weight of the norm before it alone, having nothing to fold into."""
        return False

    def shares(self, role: str) -> tuple[str, ...]:
        """TL's names of the equal shares of a projection, in order."""
        return (role,)


class ProjectedProbe(MlpProbe[P]):
    """The common part of kinds whose projections TL wraps."""

    def parameters(self, path: str, built: Structure) -> dict[str, str]:
        """Parameters that no hook shows."""
        return built.below(path, self.mlp.opaque, "mlp.opaque")

    def claims(self, subject: "Subject") -> Iterator[Evidence]:
        """The facts of every layer, and whether TL has to be told the number of neurons."""
        yield from super().claims(subject)
        if subject.overrides:
            return
        told = {"width": self.mlp.width, "measured": self.mlp.measured}
        for key in (key for key, value in told.items() if value):
            width = self._width(subject)
            known = known_to_tl(subject.hf.architecture, subject.hf.model).d_mlp
            text = f"TransformerLens knows by itself that there are {width} hidden neurons"
            yield Fact(known != width or not exceptions_apply(), text, claim=f"mlp.{key}")

    def interventions(self) -> Iterator[Intervention]:
        """A vector added to the neurons, and to what it returns."""
        out = f"{self.mlp.path}.{self.mlp.out}"
        yield Intervention("mlp.hook_post", "mlp.out", out, "input", shifted)
        yield from super().interventions()

    def sizes(self, subject: "Subject") -> Iterator[tuple[str, int, str]]:
        """The number of hidden neurons."""
        yield "d_mlp", self._width(subject), "mlp.out"

    def _width(self, subject: "Subject") -> int:
        path = f"{subject.layers[0]}.{self.mlp.path}.{self.mlp.out}"
        return subject.hf.call(path).input.shape[-1]

    def into(self, layer: Layer, role: str, hidden: str, name: str) -> Iterator[Stage]:
        """A projection into the hidden layer; `hidden` is the other name of what it returns."""
        call = layer.call(f"{self.mlp.path}.{name}")
        yield from projected(layer, role, f"mlp.{role}", hidden, (call.input, call.value))

    def output(self, layer: Layer) -> Iterator[Stage]:
        """The projection back to the residual stream."""
        call = layer.call(f"{self.mlp.path}.{self.mlp.out}")
        for hook in ("mlp.out.hook_in", "mlp.hook_post"):
            yield layer.stage(hook, "mlp", "mlp.out", call.input)
        yield layer.stage("mlp.out.hook_out", "mlp", "mlp.out", call.value)


def probe_of(mlp: Mlp) -> MlpProbe[Any]:
    """An MLP seen in HF's model, by its kind."""
    found: MlpProbe[Any] = module_of(mlp, "probe").Probe(mlp)
    return found


def projected(
    layer: Layer, role: str, claim: str, hidden: str, values: tuple[Tensor, Tensor]
) -> Iterator[Stage]:
    """What a projection into the hidden layer takes, and what it gives, under both its names."""
    taken, given = values
    yield layer.stage(f"mlp.{role}.hook_in", "mlp", claim, taken)
    for hook in (f"mlp.{role}.hook_out", f"mlp.hook_{hidden}"):
        yield layer.stage(hook, "mlp", claim, given)


class Gating(Protocol):
    """Projections of which one passes through the activation and multiplies the other."""

    @property
    def gate(self) -> str:
        """Path of the projection that passes through the activation."""

    @property
    def in_(self) -> str:
        """Path of the projection that is multiplied with the gate."""

    @property
    def out(self) -> str:
        """Path of the projection that reads their product."""

    @property
    def modules(self) -> dict[str, str]:
        """Names of all three."""


def multiplied(part: Gating, hf: HfModel, path: str, reader: str, claim: str) -> Facts:
    """Whether what a module reads is the input, times an activation of the gate."""
    gate, up = (f"{path}.{part.gate}", None), (f"{path}.{part.in_}", None)
    reversed_ = probe.gated_by(hf, path, up, gate, f"{path}.{reader}")
    yield not reversed_, f"in HF {part.in_} is the gate, and {part.gate} the input", "gate"
    read, roles = f"{path}.{reader}", {"gate": part.gate, "in": part.in_}
    unread = [r for r, name in roles.items() if not probe.depends(hf, path, f"{path}.{name}", read)]
    gated = reversed_ or (not unread and probe.gated_by(hf, path, gate, up, read))
    if len(unread) == len(roles):
        # What reads neither is not behind them.
        claim = "out" if reader == part.out else "norm_before_out"
    elif unread:
        (claim,) = unread
    elif not gated and _has_others(hf, path, part.modules.values()):
        if not probe.linear_in(hf, path, up, read):
            claim = "in"
        elif probe.linear_in(hf, path, gate, read):
            claim = "gate"
    yield gated, f"HF's MLP is not act({part.gate}(x)) * {part.in_}(x)", claim


def _has_others(hf: HfModel, path: str, names: Collection[str]) -> bool:
    """Whether there is a layer whose name may have been mistaken."""
    found = hf.module(path).named_modules()
    return any(isinstance(module, nn.Linear) and name not in names for name, module in found)


class Halving(Protocol):
    """One projection whose halves are gate and input, and the projection that reads them."""

    @property
    def gate_in(self) -> str:
        """Path of the projection whose halves they are."""

    @property
    def out(self) -> str:
        """Path of the projection that reads their product."""


def halved(part: Halving, hf: HfModel, path: str, first: str) -> Facts:
    """Whether what the output projection reads is one half, times an activation of the other."""
    fused = f"{path}.{part.gate_in}"
    halves = torch.arange(hf.call(fused).value.shape[-1]).chunk(2)
    gate, up = halves if first == "gate" else halves[::-1]
    out = f"{path}.{part.out}"
    gated = probe.gated_by(hf, path, (fused, gate), (fused, up), out)
    half = "first" if first == "gate" else "second"
    text = f"the {half} half of HF's {part.gate_in} is not the gate of the other"
    reversed_ = not gated and probe.gated_by(hf, path, (fused, up), (fused, gate), out)
    yield gated, text, "first" if reversed_ else "gate_in"
