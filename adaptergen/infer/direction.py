"""Which way queries and keys turn: two candidates that differ in nothing but what they compute."""

from adaptergen.infer.finding import Findings
from adaptergen.infer.proof import Workshop, apart, with_changes
from adaptergen.infer.world import World
from adaptergen.spec.attention import ReimplementedAttention
from adaptergen.spec.model import Spec
from adaptergen.verify.check import ROUNDED


def direction(world: World, spec: Spec, shop: Workshop, findings: Findings) -> Spec:
    """The spec as it is, or turning backward if only then the adapter gives HF's output."""
    attention = spec.attention
    if not isinstance(attention, ReimplementedAttention):
        return spec
    difference = apart(shop.subject(world, spec))
    if difference <= ROUNDED:
        return spec
    tree = spec.model_dump(by_alias=True)["attention"]
    tree["rope"]["backward"] = True
    other = with_changes(spec, attention=tree)
    if apart(shop.subject(world, other)) > ROUNDED:
        return spec
    said = f"the other way round HF's output is {difference:.1e} away"
    findings.add("attention.rope.backward", True, said)
    return other
