"""Mistakes that can be made in the facet of a summed MLP."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.mlp.mutants import ProjectedMutants
from adaptergen.verify.mutants.change import Change, World, swap
from tests.components.summed.spec import SummedMlp


class Mutants(ProjectedMutants[SummedMlp]):
    """Its projections in each other's place."""

    def changes(self, facet: SummedMlp, world: World) -> Iterator[Change]:
        """The two that are added, too."""
        yield from super().changes(facet, world)
        yield swap(facet, "in", "beside")

    def instead(self, world: World) -> Iterator[tuple[str, Any]]:
        """One projection for both."""
        yield from self.of_ends(world, "summed", "in", "beside")
