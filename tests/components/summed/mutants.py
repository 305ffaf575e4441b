"""Mistakes that can be made in the facet of a summed MLP."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.mlp.mutants import ProjectedMutants
from adaptergen.verify.mutants.change import Change, Original, swap
from tests.components.summed.spec import SummedMlp


class Mutants(ProjectedMutants[SummedMlp]):
    """Its projections in each other's place."""

    def changes(self, facet: SummedMlp, original: Original) -> Iterator[Change]:
        """The two that are added, too."""
        yield from super().changes(facet, original)
        yield swap(facet, "in", "beside")

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """One projection for both."""
        yield from self.of_ends(original, "summed", "in", "beside")
