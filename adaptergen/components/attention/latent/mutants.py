"""Mistakes that can be made in the facet of latent attention."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.attention.latent.spec import LatentAttention
from adaptergen.verify.mutants.change import Change, KindMutants, Original, swaps


class Mutants(KindMutants[LatentAttention]):
    """Its modules in each other's place."""

    def changes(self, facet: LatentAttention, original: Original) -> Iterator[Change]:
        """Every two of the modules that every config has."""
        modules = ("q_a", "q_norm", "q_b", "kv_a", "kv_norm", "kv_b", "o")
        yield from swaps(facet, *modules)

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """Nothing: no name in a spec of another kind could be taken for latents."""
        yield from ()
