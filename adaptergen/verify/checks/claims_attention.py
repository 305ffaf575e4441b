"""Do projections and query and key norms play the parts that the spec gives them?"""

from collections.abc import Iterator

from adaptergen.components.attention.probe import probe_of
from adaptergen.verify import probe
from adaptergen.verify.check import (
    Evidence,
    Fact,
    NotApplicableError,
    check,
)
from adaptergen.verify.disturbed import DISTURBED, disturbed
from adaptergen.verify.heads import headed, rows
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.pattern import pattern
from adaptergen.verify.subject import Subject


@check("claims.projections", "Queries, keys, values and output are the projections named so.")
def projections(subject: Subject) -> Iterator[Evidence]:
    """Changes one token in one projection's output and looks at what attention does with it.

    Attention that HF computes may do more with values and the output than these parts.
    """
    spec = headed(subject.spec)
    of_kind = probe_of(spec)
    try:
        for _, path in subject.below(spec.path):
            pattern(subject.hf, path)
    except UnavailableError as error:
        raise NotApplicableError(error.reason) from None
    for number, layer in subject.layers.items():
        parts = rows(subject.hf, subject.spec, layer)
        for role in of_kind.parts:
            name = spec.projections.module_of(role)
            edit = disturbed if role == "o" else probe.at(parts[role].flatten(), disturbed)
            path = f"{layer}.{spec.path}"
            found = probe.part_played(subject.hf, path, f"{path}.{name}", edit, DISTURBED)
            text = f"HF's {name} plays the part of {found or 'none of them'}, the spec says {role}"
            claim = role if role in spec.projections.modules else "layout"
            yield Fact(found == role, text, number, f"attention.projections.{claim}")
        for holds, text, key in of_kind.between(subject.hf, f"{layer}.{spec.path}"):
            yield Fact(holds, text, number, f"attention.{key}")


@check("claims.returns", "Attention returns what the spec says.", claim="attention.returns")
def returns(subject: Subject) -> Iterator[Evidence]:
    """With a cache and without one, and asked for its pattern."""
    yield from probe_of(subject.spec.attention).return_claims(subject)


@check("claims.softmax", "One softmax makes the pattern, where the spec says so.")
def softmax(subject: Subject) -> Iterator[Evidence]:
    """Of attention that HF computes: hooks on scores and pattern are around it."""
    yield from probe_of(subject.spec.attention).softmax_claims(subject)


@check("claims.latents", "Latents lead from one module to the next as the spec says.")
def latents(subject: Subject) -> Iterator[Evidence]:
    """Each module reads what the one before it returned, and what comes last acts as named."""
    yield from probe_of(subject.spec.attention).latent_claims(subject)


@check("claims.qk_norm", "Queries and keys are normalised as declared.", claim="attention.qk_norm")
def qk_norm(subject: Subject) -> Iterator[Evidence]:
    """A norm makes the pattern blind to the scale of what a projection returns."""
    yield from probe_of(subject.spec.attention).qk_norm_claims(subject)
