"""Mistakes that can be made in the facet of attention that TL computes."""

from collections.abc import Iterator
from typing import Any, ClassVar

from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.components.attention.spec import HeadedAttention
from adaptergen.verify.mutants.change import Change, KindMutants, Original


class Mutants(KindMutants[ReimplementedAttention]):
    """Sinks and what HF's attention returns, and attention of HF's taken for one of TL's."""

    makes_up_for: ClassVar[tuple[str, ...]] = ("own_mask",)

    def changes(self, facet: ReimplementedAttention, original: Original) -> Iterator[Change]:
        """Sinks, and what HF's attention returns."""
        text = "there are no sinks" if facet.sinks else "there are sinks"
        wrong = None if facet.sinks else "sinks"
        yield Change(f"sinks.{wrong}", text, {"sinks": wrong})
        other = "cache" if facet.returns == ["output", "nothing"] else "nothing"
        text = f"attention returns {other} last"
        yield Change(f"returns.{other}", text, {"returns": ["output", other]})
        order = "batch_pos_head" if facet.cached != "batch_pos_head" else "pos_batch_head"
        yield Change(f"cached.{order}", f"HF's cache is laid out as {order}", {"cached": order})

    def instead(self, original: Original) -> Iterator[tuple[str, Any]]:
        """The same projections and heads, with positions as they usually are."""
        attention = original.spec.attention
        mistakable = isinstance(attention, HeadedAttention)
        if mistakable and not isinstance(attention, ReimplementedAttention):
            known = ReimplementedAttention.model_fields.keys()
            kept = attention.model_dump(include=type(attention).model_fields.keys() & known)
            rope = {"pairing": "half", "layers": "all"}
            yield "", {**kept, "kind": "reimplemented", "qk_norm": "none", "rope": rope}
