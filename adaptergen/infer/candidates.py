"""What no probe tells apart: candidates that differ in nothing but what they compute."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from adaptergen.infer.finding import Findings
from adaptergen.infer.proof import Workshop, apart, with_changes
from adaptergen.infer.world import World
from adaptergen.spec.attention import ReimplementedAttention
from adaptergen.spec.model import Spec
from adaptergen.verify.check import ROUNDED

# What TL reads off HF's attention by these names; a spec says other names of the same.
_READ = {"scale": "scaling", "softcap": "attn_logit_softcapping"}
# Attributes of attention with a number that may be one of those.
_MOST = 4


def fitted(world: World, spec: Spec, shop: Workshop, findings: Findings) -> Spec:
    """The spec as it is, or the first candidate with which alone the adapter gives HF's output."""
    attention = spec.attention
    if not isinstance(attention, ReimplementedAttention):
        return spec
    difference = apart(shop.subject(world, spec))
    if difference <= ROUNDED:
        return spec
    for changes in _candidates(world, attention):
        other = with_changes(spec, attention=_changed(attention, changes))
        if apart(shop.subject(world, other)) <= ROUNDED:
            for path, value in changes.items():
                said = f"otherwise HF's output is {difference:.1e} away"
                findings.add(f"attention.{path}", value, said)
            return other
    return spec


def _candidates(world: World, attention: ReimplementedAttention) -> Iterator[dict[str, Any]]:
    """Changes of attention, the fewest first."""
    numbers = _numbers(world, attention)
    choices = {
        "rope.backward": (None, True),
        **{key: (None, *(n for n in numbers if n != read)) for key, read in _READ.items()},
    }
    tried = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    given = [{key: value for key, value in one.items() if value is not None} for one in tried]
    yield from sorted(filter(None, given), key=len)


def _numbers(world: World, attention: ReimplementedAttention) -> list[str]:
    """Attributes of attention that hold a number by which scores could be scaled or capped."""
    path = next(world.below(attention.path))
    held = vars(world.hf.module(path))
    public = {name: value for name, value in held.items() if not name.startswith("_")}
    return [name for name, value in public.items() if isinstance(value, float) and value][:_MOST]


def _changed(attention: ReimplementedAttention, changes: dict[str, Any]) -> dict[str, Any]:
    tree = attention.model_dump(by_alias=True)
    for path, value in changes.items():
        *parents, key = path.split(".")
        facet = tree
        for parent in parents:
            facet = facet[parent]
        facet[key] = value
    return tree
