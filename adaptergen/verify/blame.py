"""The claim that is false where HF has a part under one config, and lacks it under another."""

from torch import Tensor

from adaptergen.language.values import Denotes
from adaptergen.spec.leaves import Leaf, claims
from adaptergen.spec.model import Spec
from adaptergen.verify import probe
from adaptergen.verify.layout import layout_under

# Keys that say when there is what keys beside them name.
_CONDITIONS = {
    "present": ("q", "k"),
    "post_norms": ("ln1_post", "ln2_post"),
    "compressed": ("q", "q_a", "q_norm", "q_b"),
}


def condition_of(spec: Spec, claim: str) -> str:
    """The claim that says when there is what another one names; empty if it always is."""
    top, *rest = claim.split(".")
    if top == "layouts" and rest:
        return f"layouts.{rest[0]}.when"
    facet, _, name = claim.rpartition(".")
    for key, named in _CONDITIONS.items():
        beside = f"{facet}.{key}"
        if name in named and any(leaf.claim == beside for leaf in claims(spec)):
            return beside
    return "layouts" if top == "block" and spec.layouts else ""


def of_blocks(spec: Spec, config: object, claim: str) -> str:
    """A claim about blocks where the spec makes it: in the layout that a config leads to."""
    number = layout_under(spec, config)
    about_blocks = claim.partition(".")[0] == "block"
    return claim if number is None or not about_blocks else f"layouts.{number}.{claim}"


def _naming(spec: Spec, parameter: str) -> Leaf | None:
    """The leaf that names the module of a parameter, if there is one."""
    module, start = parameter.rpartition(".")[0], f"{spec.paths.blocks}."
    number, _, below = module.removeprefix(start).partition(".")
    in_blocks = module.startswith(start) and number.isdigit()
    place = below if in_blocks else module
    parts = (leaf for leaf in claims(spec) if leaf.denotes is Denotes.PART)
    return next((p for p in parts if (p.place, p.in_blocks) == (place, in_blocks)), None)


def of_unreached(spec: Spec, parameter: str) -> str:
    """The claim by which a parameter is not reached whose module is named; empty if none is."""
    leaf, kind = _naming(spec, parameter), parameter.rpartition(".")[2]
    if leaf is None:
        return ""
    lacking = {"weight": spec.norm.weight == "none", "bias": not spec.norm.bias}
    if is_norm(leaf.claim) and lacking.get(kind):
        return f"norm.{kind}"
    facet = leaf.claim.rpartition(".")[0]
    if kind == "bias" and any(other.claim == f"{facet}.bias" for other in claims(spec)):
        return f"{facet}.bias"
    return condition_of(spec, leaf.claim)


def is_norm(claim: str) -> bool:
    """Whether a claim names a norm."""
    return "norm" in claim or claim.rpartition(".")[2].startswith("ln")


def is_multiple(one: Tensor, other: Tensor) -> bool:
    """Whether a value is another, times one number that is not zero."""
    if one.shape != other.shape:
        return False
    factor = (one * other).sum() / (other * other).sum()
    return bool(factor.abs() > probe.NOISE) and not probe.changed(one, factor * other)
