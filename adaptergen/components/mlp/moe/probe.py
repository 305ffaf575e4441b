"""A mixture of experts in HF's model: its parameters and activations."""

from collections.abc import Iterator
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from transformer_lens.model_bridge.generalized_components import GatedMLPBridge, MoERouterBridge

from adaptergen.components.mlp.moe.facts import facts
from adaptergen.components.mlp.moe.spec import DenseLayers, MoeMlp, SharedExpert
from adaptergen.components.mlp.probe import Facts, MlpProbe, projected
from adaptergen.spec.model import Spec
from adaptergen.verify.check import Evidence, Fact
from adaptergen.verify.hf import HfModel
from adaptergen.verify.routing import routed
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure, decided

# TL has hooks on what routers choose since 4.2.
_SHOWS_EXPERTS = "weights_index" in signature(MoERouterBridge).parameters

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject


class Probe(MlpProbe[MoeMlp]):
    """A router chooses among experts; beside them, and on some layers, there may be gated MLPs."""

    bridges: ClassVar[dict[str, type[Any]]] = {"blocks.mlp.shared_experts": GatedMLPBridge}

    @property
    def unnamed(self) -> str:
        """TL has names for the weights of one MLP."""
        return "TL has no names for the weights of experts"

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """Router, experts and shared expert, or the projections of a layer without experts."""
        mlp = self.mlp
        if mlp.dense is not None and not layer.hf.has(
            f"{layer.path}.{mlp.path}.{mlp.chosen_among}"
        ):
            yield from _dense(mlp, mlp.dense, layer)
            return
        yield from _router(mlp, layer)
        if mlp.experts is not None:
            experts = layer.call(f"{mlp.path}.{mlp.experts}")
            yield layer.stage("mlp.experts.hook_in", "mlp", "mlp.experts", experts.input)
            yield layer.stage("mlp.experts.hook_out", "mlp", "mlp.experts", experts.value)
        if mlp.shared is not None:
            yield from _shared(mlp, mlp.shared, layer)

    def parameters(self, path: str, built: Structure) -> dict[str, str]:
        """Those of a layer with experts or of one without."""
        mlp, config = self.mlp, built.config
        if mlp.dense is not None and not built.below(path, [mlp.chosen_among], ""):
            return _projections(path, mlp.dense, config, "mlp.dense")
        experts = [name for name in (mlp.experts,) if name is not None]
        found = built.below(path, experts, "mlp.experts")
        found |= built.below(path, [mlp.router], "mlp.router")
        found |= built.below(path, mlp.opaque, "mlp.opaque")
        if mlp.shared is not None:
            found |= _projections(f"{path}.{mlp.shared.path}", mlp.shared, config, "mlp.shared")
            mix = [name for name in (mlp.shared.mix,) if name is not None]
            found |= built.below(path, mix, "mlp.shared.mix")
        return found

    def facts(self, hf: HfModel, path: str) -> Facts:
        """Whether router, experts and what is beside them do what their keys say."""
        yield from facts(self.mlp, hf, path)

    def claims(self, subject: "Subject") -> Iterator[Evidence]:
        """The facts of every layer, and whether there is one without experts, if a spec says so.

        The spec's own tiny model must have one; a config that the user asks for need not.
        """
        yield from super().claims(subject)
        if subject.overrides:
            return
        places = subject.below(f"{self.mlp.path}.{self.mlp.chosen_among}")
        shown = self.mlp.dense is None or not all(subject.hf.has(path) for _, path in places)
        text = "every layer of the tiny model has experts: set its config so that one has none,"
        yield Fact(shown, f"{text} or write `mlp.dense: null`", claim="mlp.dense")

    def sizes(self, subject: "Subject") -> Iterator[tuple[str, int, str]]:
        """The number of experts, in the first layer that has some."""
        places = subject.below(f"{self.mlp.path}.{self.mlp.chosen_among}")
        first = next(path for _, path in places if subject.hf.has(path))
        yield "num_experts", len(next(iter(subject.hf.module(first).parameters()))), "mlp.count"

    def choosing(self, subject: "Subject") -> Iterator[str]:
        """The routers."""
        for _, path in subject.below(f"{self.mlp.path}.{self.mlp.router}"):
            if path in subject.hf.seen.calls:
                yield path

    def may_lack(self, component: str) -> bool:
        """Any component, where some layers have experts and others have none."""
        return self.mlp.dense is not None

    def keeps_norm(self, spec: Spec) -> bool:
        """With a bias: TL folds none into experts."""
        return spec.norm.bias


def _projections(
    path: str, part: DenseLayers | SharedExpert, config: object, claim: str
) -> dict[str, str]:
    kinds = {"weight": claim}
    if decided(config, part.bias):
        kinds["bias"] = f"{claim}.bias"
    names = part.modules.values()
    return {f"{path}.{name}.{kind}": said for name in names for kind, said in kinds.items()}


def _shared(mlp: MoeMlp, shared: SharedExpert, layer: Layer) -> Iterator[Stage]:
    if shared.mix is not None:
        mix = layer.call(f"{mlp.path}.{shared.mix}")
        yield layer.stage("mlp.shared_expert_gate.hook_in", "mlp", "mlp.shared", mix.input)
        yield layer.stage("mlp.shared_expert_gate.hook_out", "mlp", "mlp.shared", mix.value)
    start = f"{mlp.path}.{shared.path}"
    for role, name in shared.modules.items():
        call, hook = layer.call(f"{start}.{name}"), f"mlp.shared_experts.{role}"
        yield layer.stage(f"{hook}.hook_in", "mlp", "mlp.shared", call.input)
        yield layer.stage(f"{hook}.hook_out", "mlp", "mlp.shared", call.value)
    value = layer.call(start).value
    yield layer.stage("mlp.shared_experts.hook_out", "mlp", "mlp.shared", value)


def _dense(mlp: MoeMlp, dense: DenseLayers, layer: Layer) -> Iterator[Stage]:
    for role, name, hidden in (("gate", dense.gate, "pre"), ("in", dense.in_, "pre_linear")):
        call = layer.call(f"{mlp.path}.{name}")
        values = (call.input, call.value)
        yield from projected(layer, f"dense_{role}", "mlp.dense", hidden, values)
    out = layer.call(f"{mlp.path}.{dense.out}")
    for hook in ("mlp.dense_out.hook_in", "mlp.hook_post"):
        yield layer.stage(hook, "mlp", "mlp.dense", out.input)
    yield layer.stage("mlp.dense_out.hook_out", "mlp", "mlp.dense", out.value)


def _router(mlp: MoeMlp, layer: Layer) -> Iterator[Stage]:
    path = f"{mlp.path}.{mlp.router}"
    if f"{layer.path}.{path}" not in layer.hf.seen.calls:
        # HF may read its weights where they are; that is a matter of what the spec claims.
        return
    router = layer.call(path)
    logits, weights, experts = routed(router.output)
    yield layer.stage("mlp.gate.hook_in", "mlp", "mlp.router", router.input)
    yield layer.stage("mlp.gate.hook_out", "mlp", "mlp.router", logits)
    if weights is None or experts is None or not _SHOWS_EXPERTS:
        return
    spread = torch.zeros_like(logits).to(weights.dtype).scatter(-1, experts, weights)
    for hook in ("mlp.gate.hook_expert_weights", "mlp.hook_expert_weights"):
        yield layer.stage(hook, "mlp", "mlp.router", spread)
    for hook in ("mlp.gate.hook_expert_indices", "mlp.hook_expert_indices"):
        yield layer.stage(hook, "mlp", "mlp.router", experts)
