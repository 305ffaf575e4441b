"""Mistakes that can be made in the facet of a gated MLP whose gate is half of a projection."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.mlp.fused_gated.spec import FusedGatedMlp
from adaptergen.components.mlp.mutants import ProjectedMutants
from adaptergen.verify.mutants.change import Change, World


class Mutants(ProjectedMutants[FusedGatedMlp]):
    """Its projections and halves, and another MLP taken for a fused one."""

    def changes(self, facet: FusedGatedMlp, world: World) -> Iterator[Change]:
        """The order of the halves too."""
        yield from super().changes(facet, world)
        other = "in" if facet.first == "gate" else "gate"
        yield Change(f"first.{other}", f"{other} is the first half", {"first": other})

    def instead(self, world: World) -> Iterator[tuple[str, Any]]:
        """Halves of the first projection."""
        yield from self.of_ends(world, "fused_gated", "gate_in")
