"""Do the config keys that the spec names decide what it says they decide?"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from adaptergen.components.attention.probe import probe_of
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.heads import head_counts
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.pattern import pattern
from adaptergen.verify.structure import decided, runs, structure, structures
from adaptergen.verify.subject import Subject


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
    attention = probe_of(subject.spec.attention)
    yield from _seen(subject)
    for changes in attention.head_settings():
        try:
            built = structure(subject.hf, changes)
        except UnavailableError:
            if not changes:
                raise
            # HF refuses some combinations; they are no model that an adapter could meet.
            continue
        facts = [*attention.widths(subject, built)]
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
    claimed, _ = head_counts(subject.hf.config, subject.spec)
    for number, path in subject.below(attention.path):
        with suppress(UnavailableError):
            found = pattern(subject.hf, path).shape[1]
            text = f"HF's attention has {found} heads, not {claimed}"
            yield Fact(found == claimed, text, number, probe_of(attention).query_claim)


def _first_wrong(facts: Iterable[Fact]) -> Iterator[Evidence]:
    """All facts up to the first that does not hold: the others repeat it for other layers."""
    for fact in facts:
        yield fact
        if not fact.holds:
            return
