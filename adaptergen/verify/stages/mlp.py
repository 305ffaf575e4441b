"""The activations inside an MLP."""

from collections.abc import Iterator
from functools import singledispatch
from inspect import signature

import torch
from torch import Tensor
from transformer_lens.model_bridge.generalized_components import MoERouterBridge

from adaptergen.components.mlp.fused_gated.spec import FusedGatedMlp
from adaptergen.components.mlp.gated.spec import GatedMlp
from adaptergen.components.mlp.moe.spec import DenseLayers, MoeMlp
from adaptergen.components.mlp.opaque.spec import OpaqueMlp
from adaptergen.components.mlp.plain.spec import PlainMlp
from adaptergen.language.facet import Facet
from adaptergen.verify.routing import routed
from adaptergen.verify.stages.stage import Layer, Stage

# TL has hooks on what routers choose since 4.2.
_SHOWS_EXPERTS = "weights_index" in signature(MoERouterBridge).parameters


@singledispatch
def mlp_stages(mlp: Facet, layer: Layer) -> Iterator[Stage]:
    """The stages between an MLP's input and its output; one function for each kind."""
    raise NotImplementedError(type(mlp))


@mlp_stages.register
def _gated(mlp: GatedMlp, layer: Layer) -> Iterator[Stage]:
    for role, name in (("gate", mlp.gate), ("in", mlp.in_)):
        call = layer.call(f"{mlp.path}.{name}")
        yield from _into(layer, role, f"mlp.{role}", call.input, call.value)
    yield from _out(layer, mlp.path, mlp.out)


@mlp_stages.register
def _plain(mlp: PlainMlp, layer: Layer) -> Iterator[Stage]:
    call = layer.call(f"{mlp.path}.{mlp.in_}")
    yield from _into(layer, "in", "mlp.in", call.input, call.value, hidden="pre")
    yield from _out(layer, mlp.path, mlp.out)


@mlp_stages.register
def _fused_gated(mlp: FusedGatedMlp, layer: Layer) -> Iterator[Stage]:
    call = layer.call(f"{mlp.path}.{mlp.gate_in}")
    yield layer.stage("mlp.gate_in.hook_in", "mlp", "mlp.gate_in", call.input)
    yield layer.stage("mlp.gate_in.hook_out", "mlp", "mlp.gate_in", call.value)
    for role, value in zip(mlp.halves, call.value.chunk(2, dim=-1), strict=True):
        yield from _into(layer, role, "mlp.gate_in", call.input, value)
    yield from _out(layer, mlp.path, mlp.out)


@mlp_stages.register
def _moe(mlp: MoeMlp, layer: Layer) -> Iterator[Stage]:
    path = f"{layer.path}.{mlp.path}"
    if mlp.dense is not None and not layer.hf.has(f"{path}.{mlp.chosen_among}"):
        yield from _dense(mlp, mlp.dense, layer)
        return
    yield from _router(mlp, layer)
    if mlp.experts is not None:
        experts = layer.call(f"{mlp.path}.{mlp.experts}")
        yield layer.stage("mlp.experts.hook_in", "mlp", "mlp.experts", experts.input)
        yield layer.stage("mlp.experts.hook_out", "mlp", "mlp.experts", experts.value)
    if mlp.shared is not None and mlp.shared.mix is not None:
        mix = layer.call(f"{mlp.path}.{mlp.shared.mix}")
        yield layer.stage("mlp.shared_expert_gate.hook_in", "mlp", "mlp.shared", mix.input)
        yield layer.stage("mlp.shared_expert_gate.hook_out", "mlp", "mlp.shared", mix.value)
    if mlp.shared is not None:
        start = f"{mlp.path}.{mlp.shared.path}"
        for role, name in mlp.shared.modules.items():
            call, hook = layer.call(f"{start}.{name}"), f"mlp.shared_experts.{role}"
            yield layer.stage(f"{hook}.hook_in", "mlp", "mlp.shared", call.input)
            yield layer.stage(f"{hook}.hook_out", "mlp", "mlp.shared", call.value)
        value = layer.call(start).value
        yield layer.stage("mlp.shared_experts.hook_out", "mlp", "mlp.shared", value)


@mlp_stages.register
def _opaque(mlp: OpaqueMlp, layer: Layer) -> Iterator[Stage]:
    # Its input and output are stages of the block.
    yield from ()


def _dense(mlp: MoeMlp, dense: DenseLayers, layer: Layer) -> Iterator[Stage]:
    for role, name, hidden in (("gate", dense.gate, "pre"), ("in", dense.in_, "pre_linear")):
        call = layer.call(f"{mlp.path}.{name}")
        yield layer.stage(f"mlp.dense_{role}.hook_in", "mlp", "mlp.dense", call.input)
        for hook in (f"mlp.dense_{role}.hook_out", f"mlp.hook_{hidden}"):
            yield layer.stage(hook, "mlp", "mlp.dense", call.value)
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


def _into(
    layer: Layer, role: str, claim: str, taken: Tensor, given: Tensor, hidden: str = ""
) -> Iterator[Stage]:
    """A projection into the hidden layer; `hidden` is its other name below the MLP."""
    hidden = hidden or {"gate": "pre", "in": "pre_linear"}[role]
    yield layer.stage(f"mlp.{role}.hook_in", "mlp", claim, taken)
    for hook in (f"mlp.{role}.hook_out", f"mlp.hook_{hidden}"):
        yield layer.stage(hook, "mlp", claim, given)


def _out(layer: Layer, path: str, name: str) -> Iterator[Stage]:
    call = layer.call(f"{path}.{name}")
    for hook in ("mlp.out.hook_in", "mlp.hook_post"):
        yield layer.stage(hook, "mlp", "mlp.out", call.input)
    yield layer.stage("mlp.out.hook_out", "mlp", "mlp.out", call.value)
