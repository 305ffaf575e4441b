"""Does attention that TL computes step by step do what its keys say?"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.verify import probe
from adaptergen.verify.check import EXACT, Evidence, Fact, largest_difference
from adaptergen.verify.heads import rows
from adaptergen.verify.hf import HfModel
from adaptergen.verify.returned import cached, returned
from adaptergen.verify.structure import decided

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject

# What the sigmoid makes nothing of.
_SHUT = -1e4
# The cap of scores in HF's attention, where a spec has no other name for it.
_CAP = "attn_logit_softcapping"


def before_output(
    attention: ReimplementedAttention, hf: HfModel, path: str
) -> Iterator[tuple[bool, str, str]]:
    """What is between the heads and the output: whether it holds, how to say it, and the claim.

    A gate that is shut lets nothing through.
    """
    name = attention.projections.o
    output = f"{path}.{name}"
    given = hf.call(output).input
    if attention.norm_before_o is not None:
        normed = hf.call(f"{path}.{attention.norm_before_o}").value
        text = f"HF's {name} does not read {attention.norm_before_o}"
        yield torch.equal(given, normed), text, "norm_before_o"
    if attention.gate is not None:
        edit = {f"{path}.{attention.gate}": lambda value: torch.full_like(value, _SHUT)}
        with torch.no_grad(), probe.editing(hf, edit):
            found = hf.rerun(path, hf.call(path)).value
            nothing = hf.module(output)(torch.zeros_like(given))
        text = f"the sigmoid of HF's {attention.gate} does not multiply what the heads return"
        yield largest_difference(found, nothing.expand_as(found)) <= EXACT, text, "gate"


def scores(
    attention: ReimplementedAttention, hf: HfModel, path: str
) -> Iterator[tuple[bool, str, str]]:
    """What is done to scores by attributes of HF's attention: whether it holds, how to say it.

    Twice the scale makes twice the scores, and twice the cap does something else to them.
    """
    before = _spread(hf, path)
    for key, name in {"scale": attention.scale, "softcap": attention.softcap}.items():
        module = hf.module(path)
        value = getattr(module, name or "", None)
        if not isinstance(value, int | float):
            continue
        try:
            setattr(module, str(name), 2 * value)
            after = _spread(hf, path)
        finally:
            setattr(module, str(name), value)
        acts, doubled = probe.changed(after, before), not probe.changed(after, 2 * before)
        does = {"scale": "multiplied", "softcap": "capped"}[key]
        # Behind a cap, or beside sinks, twice the scale is not twice of anything that is seen.
        capped = getattr(module, attention.softcap or _CAP, None) is not None
        alone = key == "scale" and not (capped or attention.sinks)
        holds = acts and (doubled if alone else key == "scale" or not doubled)
        yield holds, f"scores of HF's attention are not {does} by '{name}'", key


def _spread(hf: HfModel, path: str) -> Tensor:
    """Scores [batch, head, query, key] less their mean; zero where attention masks by itself."""
    _, pattern = probe.attend(hf, path, {})
    seen = pattern > 0
    scores = pattern.where(seen, 1.0).log()
    mean = scores.sum(-1, keepdim=True) / seen.sum(-1, keepdim=True)
    return (scores - mean).where(seen, 0.0)


def returns(attention: ReimplementedAttention, subject: "Subject") -> Iterator[Evidence]:
    """Whether it returns what the spec says."""
    for number, path in subject.below(attention.path):
        found = returned(subject.hf, path)
        text = (
            f"HF's attention returns {_listed(found)}, the spec says {_listed(attention.returns)}"
        )
        yield Fact(found == attention.returns, text, number)
        order = cached(subject.hf, path)
        text = f"HF's cache is laid out as {order}, the spec says {attention.cached}"
        yield Fact(order == attention.cached, text, number, "attention.cached")


def _listed(places: str | Sequence[str]) -> str:
    return places if isinstance(places, str) else f"({', '.join(places)})"


def qk_norm(attention: ReimplementedAttention, subject: "Subject") -> Iterator[Evidence]:
    """Whether queries and keys are normalised as declared."""
    norms = attention.qk_norm.norms
    there = norms is not None and decided(subject.hf.config, norms.present)
    wanted = attention.qk_norm.extent if there else "no norm"
    for number, layer in subject.layers.items():
        parts = rows(subject.hf, subject.spec, layer)
        for role in ("q", "k"):
            path = f"{layer}.{attention.path}"
            name = attention.projections.module_of(role)
            found = _norm_behind(subject, path, f"{path}.{name}", parts[role])
            text = f"HF has {found} behind {name}, the spec says {wanted}"
            yield Fact(found == wanted, text, number)


def _norm_behind(subject: "Subject", attention: str, projection: str, heads: Tensor) -> str:
    _, pattern = probe.attend(subject.hf, attention, {})

    def blind_to_scale(at: Tensor) -> bool:
        edit = probe.at(at.flatten(), probe.times(3.0))
        _, edited = probe.attend(subject.hf, attention, {projection: edit})
        return bool((edited - pattern).abs().max() < 1e-3)

    if not blind_to_scale(heads):
        return "no norm"
    # A single head is all heads together.
    single = len(heads) == 1
    if single or blind_to_scale(heads[0]):
        return "a norm of each head"
    return "a norm of all heads together"
