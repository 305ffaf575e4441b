"""Mistakes that can be made in the facet of a further MLP."""

from collections.abc import Iterator

from adaptergen.components.side_mlp.spec import SideMlp
from adaptergen.verify.mutants.change import Change, Original, mutates, swap


@mutates(SideMlp)
def _side_mlp(side: SideMlp, original: Original) -> Iterator[Change]:
    yield swap(side, "gate_in", "out")
