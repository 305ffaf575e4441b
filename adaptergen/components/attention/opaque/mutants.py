"""Mistakes that can be made in the facet of attention that is left to HF as one piece."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.attention.opaque.spec import OpaqueAttention
from adaptergen.verify.mutants.change import KindMutants, World


class Mutants(KindMutants[OpaqueAttention]):
    """At the right path it is right for any model, since it claims the least."""

    def instead(self, world: World) -> Iterator[tuple[str, Any]]:
        """The MLP taken for attention."""
        attention = world.spec.attention
        kept = {"window": attention.window.model_dump(), "rotary": attention.rotary}
        yield "mlp", {"kind": "opaque", "reason": "None.", "path": world.spec.mlp.path, **kept}
