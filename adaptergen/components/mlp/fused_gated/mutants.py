"""Mistakes that can be made in the facet of a gated MLP whose gate is half of a projection."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.mlp.fused_gated.spec import FusedGatedMlp
from adaptergen.components.mlp.mutants import ProjectedMutants
from adaptergen.verify.mutants.change import Change, Original


class Mutants(ProjectedMutants[FusedGatedMlp]):
    """Its projections and halves, and another MLP taken for a fused one."""

    def changes(self, facet: FusedGatedMlp, original: Original) -> Iterator[Change]:
        """The order of the halves too."""
        yield from super().changes(facet, original)
        other = "in" if facet.first == "gate" else "gate"
        yield Change(f"first.{other}", f"{other} is the first half", {"first": other})

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """Halves of the first projection."""
        yield from self.of_ends(original, "fused_gated", "gate_in")
