"""Mistakes that can be made in the facet of a mixture of experts."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.mlp.moe.spec import DenseLayers, MoeMlp, SharedExpert
from adaptergen.components.mlp.mutants import activation_and_modules, ends, left_out
from adaptergen.language.facet import Facet
from adaptergen.verify.mutants.change import Change, KindMutants, Original, mutates, swaps


class Mutants(KindMutants[MoeMlp]):
    """Router, experts and their count, and another MLP taken for experts."""

    def changes(self, facet: MoeMlp, original: Original) -> Iterator[Change]:
        """The activation, modules and count, and what is beside the experts."""
        roles = ("router", "experts") if facet.experts is not None else ()
        yield from activation_and_modules(facet, *roles)
        yield from left_out(facet, "shared", "dense", "opaque")
        number = "num_hidden_layers"
        yield Change(f"count.{number}", f"{number} is the number of experts", {"count": number})

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """The first module taken for a router, and the last for experts."""
        mlp = original.spec.mlp
        if isinstance(mlp, MoeMlp):
            return
        for into, out in ends(mlp):
            names = {"path": mlp.path, "router": into, "experts": out}
            yield "", {"kind": "moe", **names, "count": "num_experts", "act": mlp.act}


@mutates(DenseLayers, SharedExpert)
def _beside_experts(part: Facet, original: Original) -> Iterator[Change]:
    yield from swaps(part, "gate", "in", "out")
