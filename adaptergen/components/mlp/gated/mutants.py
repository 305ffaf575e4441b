"""Mistakes that can be made in the facet of a gated MLP."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.mlp.gated.spec import GatedMlp
from adaptergen.components.mlp.mutants import ProjectedMutants
from adaptergen.verify.mutants.change import Original


class Mutants(ProjectedMutants[GatedMlp]):
    """Its projections, and another MLP taken for a gated one."""

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """A gate that is the input as well."""
        yield from self.of_ends(original, "gated", "gate", "in")
