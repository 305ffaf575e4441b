"""Do projections and query and key norms play the parts that the spec gives them?"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.latent.spec import LatentAttention
from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.verify import probe
from adaptergen.verify.check import (
    EXACT,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.heads import headed, rows
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.pattern import has_one_softmax, pattern
from adaptergen.verify.returned import cached, returned
from adaptergen.verify.structure import decided
from adaptergen.verify.subject import Subject

_POSITION = 1
# What the sigmoid makes nothing of.
_SHUT = -1e4
# The cap of scores in HF's attention, where a spec has no other name for it.
_CAP = "attn_logit_softcapping"


@check("claims.projections", "Queries, keys, values and output are the projections named so.")
def projections(subject: Subject) -> Iterator[Evidence]:
    """Changes one token in one projection's output and looks at what attention does with it.

    Attention that HF computes may do more with values and the output than these parts.
    """
    spec = headed(subject.spec)
    whole = isinstance(spec, ReimplementedAttention)
    try:
        for _, path in subject.below(spec.path):
            pattern(subject.hf, path)
    except UnavailableError as error:
        raise NotApplicableError(error.reason) from None
    for number, layer in subject.layers.items():
        parts = rows(subject.hf, subject.spec, layer)
        for role in ("q", "k", "v", "o") if whole else ("q", "k"):
            name = spec.projections.module_of(role)
            edit = _disturb if role == "o" else probe.at(parts[role].flatten(), _disturb)
            path = f"{layer}.{spec.path}"
            found = probe.part_played(subject.hf, path, f"{path}.{name}", edit, _POSITION)
            text = f"HF's {name} plays the part of {found or 'none of them'}, the spec says {role}"
            claim = role if role in spec.projections.modules else "layout"
            yield Fact(found == role, text, number, f"attention.projections.{claim}")
        if isinstance(spec, ReimplementedAttention):
            for holds, text, key in _before_output(subject.hf, f"{layer}.{spec.path}", spec):
                yield Fact(holds, text, number, f"attention.{key}")
            for holds, text, key in _scores(subject.hf, f"{layer}.{spec.path}", spec):
                yield Fact(holds, text, number, f"attention.{key}")


def _before_output(
    hf: HfModel, path: str, attention: ReimplementedAttention
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


def _scores(
    hf: HfModel, path: str, attention: ReimplementedAttention
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


@check("claims.returns", "Attention returns what the spec says.", claim="attention.returns")
def returns(subject: Subject) -> Iterator[Evidence]:
    """With a cache and without one, and asked for its pattern."""
    attention = subject.reimplemented
    for number, path in subject.below(attention.path):
        found = returned(subject.hf, path)
        text = (
            f"HF's attention returns {_listed(found)}, the spec says {_listed(attention.returns)}"
        )
        yield Fact(found == attention.returns, text, number)
        order = cached(subject.hf, path)
        text = f"HF's cache is laid out as {order}, the spec says {attention.cached}"
        yield Fact(order == attention.cached, text, number, "attention.cached")


@check("claims.softmax", "One softmax makes the pattern, where the spec says so.")
def softmax(subject: Subject) -> Iterator[Evidence]:
    """Of attention that HF computes: hooks on scores and pattern are around it."""
    attention = subject.spec.attention
    if not isinstance(attention, DelegatedAttention):
        raise NotApplicableError("attention is not HF's own between its projections")
    for number, path in subject.below(attention.path):
        found = has_one_softmax(subject.hf, path)
        text = f"the pattern of HF's attention is {'' if found else 'not '}what one softmax returns"
        yield Fact(found == attention.softmax, text, number, "attention.softmax")


def _listed(places: str | Sequence[str]) -> str:
    return places if isinstance(places, str) else f"({', '.join(places)})"


@check("claims.latents", "Latents lead from one module to the next as the spec says.")
def latents(subject: Subject) -> Iterator[Evidence]:
    """Each module reads what the one before it returned, and what comes last acts as named."""
    spec = subject.spec.attention
    if not isinstance(spec, LatentAttention):
        raise NotApplicableError("attention goes through no latents")
    hf = subject.hf
    compressed = getattr(hf.config, spec.compressed) is not None
    chains = [["kv_a", "kv_norm", "kv_b"], ["q_a", "q_norm", "q_b"] if compressed else ["q"]]
    for number, layer in subject.layers.items():
        path = f"{layer}.{spec.path}"
        for keys in chains:
            paths = [f"{path}.{getattr(spec, key)}" for key in keys]
            enters = torch.equal(hf.call(paths[0]).input, hf.call(path).input)
            text = f"HF's {paths[0]} does not read what attention does"
            yield Fact(enters, text, number, f"attention.{keys[0]}")
            links = [_leads(hf, *pair) for pair in pairwise(paths)]
            for i, (before, after) in enumerate(pairwise(paths)):
                text = f"HF's {after} does not read what {before} returns"
                # What is read as claimed is not the one that is out of place.
                key = keys[i if all(links[i + 1 :]) and links[i + 1 :] else i + 1]
                yield Fact(links[i], text, number, f"attention.{key}")
            found = probe.part_played(hf, path, paths[-1], _disturb, _POSITION)
            part = "k" if keys[-1] == "kv_b" else "q"
            text = f"HF's {paths[-1]} plays the part of {found or 'none of them'}, not {part}"
            yield Fact(found == part, text, number, f"attention.{keys[-1]}")


def _leads(hf: HfModel, before: str, after: str) -> bool:
    """Whether a module reads what another returns.

    Beside the latent, a projection may return what positions turn. It may have the latent of all
    heads as that of one head, in a dimension more.
    """
    taken, given = hf.call(after).input, hf.call(before).value
    return torch.equal(taken.flatten(), given[..., : taken.shape[-1]].flatten())


def _disturb(value: Tensor) -> Tensor:
    """Change what a projection [batch, ..., pos, width] returns for one token."""
    result = value.clone()
    result[..., _POSITION, :] += torch.linspace(-2, 3, value.shape[-1], dtype=value.dtype)
    return result


@check("claims.qk_norm", "Queries and keys are normalised as declared.", claim="attention.qk_norm")
def qk_norm(subject: Subject) -> Iterator[Evidence]:
    """A norm makes the pattern blind to the scale of what a projection returns."""
    spec = subject.reimplemented
    norms = spec.qk_norm.norms
    there = norms is not None and decided(subject.hf.config, norms.present)
    wanted = spec.qk_norm.extent if there else "no norm"
    for number, layer in subject.layers.items():
        parts = rows(subject.hf, subject.spec, layer)
        for role in ("q", "k"):
            path = f"{layer}.{spec.path}"
            name = spec.projections.module_of(role)
            found = _norm_behind(subject, path, f"{path}.{name}", parts[role])
            text = f"HF has {found} behind {name}, the spec says {wanted}"
            yield Fact(found == wanted, text, number)


def _norm_behind(subject: Subject, attention: str, projection: str, heads: Tensor) -> str:
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
