"""Do the config keys that the spec names decide what it says they decide?"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from adaptergen.components.attention.latent.spec import LatentAttention
from adaptergen.spec.model import Spec
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.heads import head_counts, headed
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.pattern import pattern
from adaptergen.verify.structure import Structure, decided, runs, structure, structures
from adaptergen.verify.subject import Subject
from adaptergen.verify.widths import width_facts


@check(
    "claims.tied",
    "The unembedding is the embedding's weight exactly where the spec says.",
    claim="tied_embeddings",
)
def tied(subject: Subject) -> Iterator[Evidence]:
    """Under both values of the config key, and with every other boolean key flipped."""
    spec = subject.spec
    facts = []
    for built in structures(subject.hf):
        names = (f"{spec.paths.embed}.weight", f"{spec.paths.unembed}.weight")
        found, claimed = built.tied(*names), decided(built.config, spec.tied_embeddings)
        text = f"embedding and unembedding are {'' if found else 'not '}tied{built.setting}"
        facts.append(Fact(found == claimed, text))
    yield from _first_wrong(facts)


@check("claims.heads", "Projections are as wide as the head counts of the config make them.")
def heads(subject: Subject) -> Iterator[Evidence]:
    """With fewer, equal and single key and value heads, and another head size."""
    subject.hf.require_model()
    attention = subject.spec.attention
    yield from _seen(subject)
    if isinstance(attention, LatentAttention):
        settings: list[dict[str, Any]] = [{}, {attention.query_heads: 6}]
        settings.append({attention.value_head_dim: 24})
    else:
        settings = head_settings(subject.spec)
    for changes in settings:
        try:
            built = structure(subject.hf, changes)
        except UnavailableError:
            if not changes:
                raise
            # HF refuses some combinations; they are no model that an adapter could meet.
            continue
        if isinstance(attention, LatentAttention):
            facts = [*_latent_widths(subject, attention, built)]
        else:
            facts = [*width_facts(subject, built)]
        # Some it builds and then cannot run.
        right = all(fact.holds for fact in facts)
        if right or not changes or runs(subject.hf, changes):
            if not right and changes:
                # The count of heads may be as claimed in the tiny model alone.
                yield from _seen(subject.variant(**changes))
            yield from facts


def _seen(subject: Subject) -> Iterator[Fact]:
    """Whether the pattern has as many heads as the spec says; where it is not seen, others look."""
    attention = subject.spec.attention
    key = "query_heads" if isinstance(attention, LatentAttention) else "heads.query"
    claimed, _ = head_counts(subject.hf.config, subject.spec)
    for number, path in subject.below(attention.path):
        with suppress(UnavailableError):
            found = pattern(subject.hf, path).shape[1]
            text = f"HF's attention has {found} heads, not {claimed}"
            yield Fact(found == claimed, text, number, f"attention.{key}")


def head_settings(spec: Spec) -> list[dict[str, Any]]:
    """Config changes that move the head counts: as is, one each, two for one, one of another size.

    HF refuses more heads where the model's width is no multiple of them. Where a key decides that
    all share one key and value head, so do settings that keep it from that.
    """
    heads = headed(spec).heads
    query, kv, size = heads.query, heads.key_value, {heads.head_dim: 24} if heads.head_dim else {}
    if kv is None:
        return [{}, {query: 6}, *filter(None, [size])]
    found = [{}, {query: 4, kv: 4}, {query: 6, kv: 3}, {query: 4, kv: 1, **size}]
    if heads.single is not None and heads.single.unless is not None:
        found.append({heads.single.unless: True, query: 4, kv: 2})
    return found


def _latent_widths(
    subject: Subject, attention: LatentAttention, built: Structure
) -> Iterator[Fact]:
    """Whether the output projection reads the values of as many heads as a config says."""
    keys = (attention.query_heads, attention.value_head_dim)
    heads, size = (getattr(built.config, key) for key in keys)
    dim = built.shapes[f"{subject.spec.paths.embed}.weight"][-1]
    for number in range(built.layers(subject.spec.paths.blocks)):
        path = f"{subject.spec.paths.blocks}.{number}.{attention.path}.{attention.o}.weight"
        found = built.shapes[path][-1]
        text = f"HF's {attention.o} reads {found} numbers, not {heads} heads of {size}"
        moved = attention.value_head_dim in built.changes
        claim = f"attention.{'value_head_dim' if moved else 'query_heads'}"
        if built.shapes[path][0] != dim:
            claim = "attention.o"
        yield Fact(found == heads * size, f"{text}{built.setting}", number, claim)


def _first_wrong(facts: Iterable[Fact]) -> Iterator[Evidence]:
    """All facts up to the first that does not hold: the others repeat it for other layers."""
    for fact in facts:
        yield fact
        if not fact.holds:
            return
