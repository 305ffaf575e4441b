"""Mistakes that can be made in the facet of attention that is left to HF as one piece."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.attention.opaque.spec import OpaqueAttention
from adaptergen.verify.mutants.change import KindMutants, Original


class Mutants(KindMutants[OpaqueAttention]):
    """At the right path it is right for any model, since it claims the least."""

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """The MLP taken for attention."""
        attention = original.spec.attention
        kept = {"window": attention.window.model_dump(), "rotary": attention.rotary}
        yield "mlp", {"kind": "opaque", "reason": "None.", "path": original.spec.mlp.path, **kept}
