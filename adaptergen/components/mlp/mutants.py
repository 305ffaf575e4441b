"""Mistakes that can be made in the facets of MLPs."""

import ast
from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

from adaptergen.components.mlp.spec import Mlp, ProjectedMlp
from adaptergen.language.facet import Facet
from adaptergen.verify.mutants.change import Change, KindMutants, Original, swaps

P = TypeVar("P", bound=ProjectedMlp)

_PROCESSED = """\
    def forward(self, *args, **kwargs):
        from transformer_lens.model_bridge.generalized_components import GatedMLPBridge
        return GatedMLPBridge.forward(self, *args, **kwargs)
"""


class ProjectedMutants(KindMutants[P]):
    """The common part of kinds whose projections TL wraps."""

    makes_up_for: ClassVar[tuple[str, ...]] = ("measured",)

    def changes(self, facet: P, original: Original) -> Iterator[Change]:
        """The activation, the modules in it, and what no hook shows."""
        yield from activation_and_modules(facet, *facet.modules)
        yield from left_out(facet, "opaque")

    def of_ends(self, original: Original, kind: str, *into: str) -> Iterator[tuple[str, Any]]:
        """This kind with the first module of another for all that read its input."""
        mlp = original.spec.mlp
        for first, last in ends(mlp):
            names = {"path": mlp.path, **dict.fromkeys(into, first), "out": last}
            yield "", {"kind": kind, **names, "bias": False, "act": mlp.act}


def ends(mlp: Mlp) -> Iterator[tuple[str, str]]:
    """The first and the last module that the facet of an MLP names, if it names any."""
    names = list(mlp.parts)
    if names:
        yield names[0], names[-1]


def activation_and_modules(mlp: Facet, *roles: str) -> Iterator[Change]:
    """No activation, and two modules in each other's place."""
    yield Change("act.none", "no config key has the activation", {"act": None})
    yield from swaps(mlp, *roles)


def left_out(facet: Facet, *keys: str) -> Iterator[Change]:
    """Keys that need not be there, left out if they are."""
    for key in keys:
        if getattr(facet, key):
            default = type(facet).model_fields[key].default
            yield Change(f"{key}.none", f"{key} is not declared", {key: default})


def methods(bridge: str, tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Name, description and text of a wrong method of a gated MLP's bridge."""
    if bridge in ("GatedMLPBridge", "JointGatedMLPBridge"):
        text = f"{bridge}: TL computes it with processed weights"
        yield "mlp.processed.by_tl", text, _PROCESSED
