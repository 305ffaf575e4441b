"""Mistakes that can be made in the facet of attention that is left to HF."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.spec import HeadedAttention
from adaptergen.verify.mutants.change import Change, KindMutants, Original


class Mutants(KindMutants[DelegatedAttention]):
    """The softmax, and attention of TL's taken for one of HF's."""

    def changes(self, facet: DelegatedAttention, original: Original) -> Iterator[Change]:
        """Whether one softmax makes the pattern."""
        other = not facet.softmax
        yield Change(f"softmax.{other}", "softmaxes make the pattern otherwise", {"softmax": other})

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """The same projections and heads."""
        attention = original.spec.attention
        mistakable = isinstance(attention, HeadedAttention)
        if mistakable and not isinstance(attention, DelegatedAttention):
            keys = {"path", "projections", "bias", "heads", "window"}
            kept = attention.model_dump(include=keys)
            yield "", {**kept, "kind": "delegated", "reason": "None.", "rotary": True}
