"""Mistakes that can be made in the facet of an MLP without a gate."""

from collections.abc import Iterator
from typing import Any, ClassVar

from adaptergen.components.mlp.mutants import ProjectedMutants
from adaptergen.components.mlp.plain.spec import PlainMlp
from adaptergen.verify.mutants.change import Original


class Mutants(ProjectedMutants[PlainMlp]):
    """Its projections, and another MLP whose gate is overlooked."""

    makes_up_for: ClassVar[tuple[str, ...]] = ("measured", "overwritten")

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """No gate."""
        yield from self.of_ends(original, "plain", "in")
