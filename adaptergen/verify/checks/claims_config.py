"""Do the config keys that the spec names decide what it says they decide?"""

from collections.abc import Iterable, Iterator
from typing import Any

from adaptergen.spec.attention import LatentAttention
from adaptergen.spec.model import Spec
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.heads import head_counts, headed
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.structure import Structure, decided, runs, structure, structures
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
    attention = subject.spec.attention
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
        if all(fact.holds for fact in facts) or not changes or runs(subject.hf, changes):
            yield from facts


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
    for number in range(built.layers(subject.spec.paths.blocks)):
        path = f"{subject.spec.paths.blocks}.{number}.{attention.path}.{attention.o}.weight"
        found = built.shapes[path][-1]
        text = f"HF's {attention.o} reads {found} numbers, not {heads} heads of {size}"
        moved = attention.value_head_dim in built.changes
        claim = f"attention.{'value_head_dim' if moved else 'query_heads'}"
        yield Fact(found == heads * size, f"{text}{built.setting}", number, claim)


def width_facts(subject: Subject, built: Structure) -> Iterator[Fact]:
    """Whether each projection is as wide as the head counts of a config make it."""
    spec = headed(subject.spec)
    config, dim = built.config, built.shapes[f"{subject.spec.paths.embed}.weight"][-1]
    query, key_value = head_counts(config, subject.spec)
    size = getattr(config, spec.heads.head_dim or "", None) or dim // query
    counts = {"q": query, "k": key_value, "v": key_value, "qkv": query + 2 * key_value, "o": query}
    for role, name in spec.projections.modules.items():
        count = counts[role]
        claim = f"attention.heads.{'key_value' if role in ('k', 'v') else 'query'}"
        wanted = (count * size, dim) if role != "o" else (dim, count * size)
        for number in range(built.layers(subject.spec.paths.blocks)):
            path = f"{subject.spec.paths.blocks}.{number}.{spec.path}.{name}.weight"
            found = built.shapes.get(path)
            text = f"HF's {name} is {found}, not {wanted} ({count} heads of {size})"
            yield Fact(found == wanted, f"{text}{built.setting}", number, claim)


def _first_wrong(facts: Iterable[Fact]) -> Iterator[Evidence]:
    """All facts up to the first that does not hold: the others repeat it for other layers."""
    for fact in facts:
        yield fact
        if not fact.holds:
            return
