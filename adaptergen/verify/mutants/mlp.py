"""Mistakes that can be made in the facets of MLPs and experts."""

import ast
from collections.abc import Iterator
from typing import Any

from adaptergen.components.mlp.fused_gated.spec import FusedGatedMlp
from adaptergen.components.mlp.gated.spec import GatedMlp
from adaptergen.components.mlp.moe.spec import DenseLayers, MoeMlp, SharedExpert
from adaptergen.components.mlp.opaque.spec import OpaqueMlp
from adaptergen.components.mlp.plain.spec import PlainMlp
from adaptergen.components.side_mlp.spec import SideMlp
from adaptergen.language.facet import Facet
from adaptergen.verify.mutants.change import (
    Change,
    World,
    instead,
    mutates,
    swap,
    swaps,
)

_PROCESSED = """\
    def forward(self, *args, **kwargs):
        from transformer_lens.model_bridge.generalized_components import GatedMLPBridge
        return GatedMLPBridge.forward(self, *args, **kwargs)
"""


def methods(bridge: str, tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Name, description and text of a wrong method of a gated MLP."""
    if bridge in ("GatedMLPBridge", "JointGatedMLPBridge"):
        text = f"{bridge}: TL computes it with processed weights"
        yield "mlp.processed.by_tl", text, _PROCESSED


@mutates(GatedMlp, PlainMlp, FusedGatedMlp)
def _projected(mlp: GatedMlp | PlainMlp | FusedGatedMlp, world: World) -> Iterator[Change]:
    yield from _of_modules(mlp, world, *mlp.modules)
    yield from _left_out(mlp, "opaque")
    if isinstance(mlp, FusedGatedMlp):
        other = "in" if mlp.first == "gate" else "gate"
        yield Change(f"first.{other}", f"{other} is the first half", {"first": other})


@mutates(MoeMlp)
def _moe(mlp: MoeMlp, world: World) -> Iterator[Change]:
    roles = ("router", "experts") if mlp.experts is not None else ()
    yield from _of_modules(mlp, world, *roles)
    yield from _left_out(mlp, "shared", "dense", "opaque")
    number = "num_hidden_layers"
    yield Change(f"count.{number}", f"{number} is the number of experts", {"count": number})


def _of_modules(mlp: Facet, world: World, *roles: str) -> Iterator[Change]:
    """Its place, its activation, and the modules in it."""
    yield Change("act.none", "no config key has the activation", {"act": None})
    yield from swaps(mlp, *roles)


def _left_out(facet: Facet, *keys: str) -> Iterator[Change]:
    """Keys that need not be there, left out if they are."""
    for key in keys:
        if getattr(facet, key):
            default = type(facet).model_fields[key].default
            yield Change(f"{key}.none", f"{key} is not declared", {key: default})


@mutates(DenseLayers, SharedExpert)
def _beside_experts(part: Facet, world: World) -> Iterator[Change]:
    yield from swaps(part, "gate", "in", "out")


@instead(GatedMlp)
def _instead_gated(world: World) -> Iterator[tuple[str, Any]]:
    for into, out in _ends(world):
        names = {"path": world.spec.mlp.path, "gate": into, "in": into, "out": out}
        yield "", {"kind": "gated", **names, "bias": False, "act": world.spec.mlp.act}


@instead(PlainMlp)
def _instead_plain(world: World) -> Iterator[tuple[str, Any]]:
    for into, out in _ends(world):
        names = {"path": world.spec.mlp.path, "in": into, "out": out}
        yield "", {"kind": "plain", **names, "bias": False, "act": world.spec.mlp.act}


@instead(FusedGatedMlp)
def _instead_fused(world: World) -> Iterator[tuple[str, Any]]:
    for into, out in _ends(world):
        names = {"path": world.spec.mlp.path, "gate_in": into, "out": out}
        yield "", {"kind": "fused_gated", **names, "bias": False, "act": world.spec.mlp.act}


@instead(MoeMlp)
def _instead_moe(world: World) -> Iterator[tuple[str, Any]]:
    if isinstance(world.spec.mlp, MoeMlp):
        return
    for into, out in _ends(world):
        names = {"path": world.spec.mlp.path, "router": into, "experts": out}
        yield "", {"kind": "moe", **names, "count": "num_experts", "act": world.spec.mlp.act}


@instead(OpaqueMlp)
def _instead_opaque_mlp(world: World) -> Iterator[tuple[str, Any]]:
    # At the right path it is right for any model: it claims the least.
    path = world.spec.attention.path
    yield "attention", {"kind": "opaque", "reason": "None.", "path": path}


def _ends(world: World) -> Iterator[tuple[str, str]]:
    """The first and the last module that the MLP's facet names, if it names any."""
    mlp = world.spec.mlp
    names = list(mlp.modules.values())
    if isinstance(mlp, MoeMlp):
        names = [mlp.router, mlp.chosen_among]
    if names:
        yield names[0], names[-1]


@mutates(SideMlp)
def _side_mlp(side: SideMlp, world: World) -> Iterator[Change]:
    yield swap(side, "gate_in", "out")
