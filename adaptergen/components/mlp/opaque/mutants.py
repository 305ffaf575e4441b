"""Mistakes that can be made in the facet of an MLP that is left to HF."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.mlp.opaque.spec import OpaqueMlp
from adaptergen.verify.mutants.change import KindMutants, Original


class Mutants(KindMutants[OpaqueMlp]):
    """At the right path it is right for any model, since it claims the least."""

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """Attention taken for the MLP."""
        path = original.spec.attention.path
        yield "attention", {"kind": "opaque", "reason": "None.", "path": path}
