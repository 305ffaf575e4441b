"""Is everything that the spec names there in HF, where some model that is run has it?"""

from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from itertools import chain
from typing import Any

from torch import nn

from adaptergen.components.attention.probe import probe_of
from adaptergen.language.factor import powers
from adaptergen.language.values import Denotes, deciding
from adaptergen.spec.leaves import Leaf, claims, leaves
from adaptergen.spec.model import Spec
from adaptergen.verify.blame import condition_of
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.declared import conditions
from adaptergen.verify.hf import HfModel, hf_config
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.perturb import moves, shown
from adaptergen.verify.structure import Structure, reshapes, structure, structures
from adaptergen.verify.subject import Subject

_SHOWN = 8
_NEAREST = 3
# Of a key that is waived another check says so.
_ELSEWHERE = ("verification.",)


@check("claims.named", "HF has each config key, module, parameter and attribute that claims name.")
def named(subject: Subject) -> Iterator[Evidence]:
    """Parts may be missing in the tiny model if a key that a claim names brings them about.

    The adapter is run with each such key flipped, by other checks.
    """
    found = [leaf for leaf in leaves(subject.declared) if not leaf.claim.startswith(_ELSEWHERE)]
    # Parts may be missing because HF lacks the key that should bring them about.
    yield from _keys(subject.hf, [leaf for leaf in found if leaf.denotes is Denotes.KEY])
    yield from _parts(subject, [leaf for leaf in found if leaf.denotes is Denotes.PART])
    yield from _refused(subject.declared, found)
    if not isinstance(subject.hf.module(subject.declared.paths.blocks), nn.ModuleList):
        # Of blocks that are none, another check says so.
        return
    yield from _attributes(subject, [leaf for leaf in found if leaf.denotes is Denotes.ATTRIBUTE])


def _attributes(subject: Subject, found: list[Leaf]) -> Iterator[Fact]:
    """Attributes are of HF's attention."""
    modules = [subject.hf.module(path) for _, path in subject.below(subject.spec.attention.path)]
    for leaf in found:
        there = any(hasattr(module, leaf.value) for module in modules)
        text = f"HF's attention has no attribute '{leaf.value}'"
        yield Fact(there, text, claim=leaf.claim)


def _keys(hf: HfModel, found: list[Leaf]) -> Iterator[Fact]:
    """Each key once, however many claims name it."""
    first: dict[str, Leaf] = {}
    for leaf in found:
        for key in powers(leaf.value):
            first.setdefault(key, leaf)
    others = [name for name in hf.config.to_dict() if name not in hf.settings]
    for key, leaf in first.items():
        text = f"HF's {type(hf.config).__name__} has no key '{key}'"
        nearest = get_close_matches(key, others, _NEAREST)
        yield Fact(has_key(hf, key), f"{text}{_instead(nearest, leaf)}", claim=leaf.claim)


def _refused(spec: Spec, found: list[Leaf]) -> Iterator[Fact]:
    """Nothing is decided by a key that has the same value in all models that are taken."""
    for leaf in found:
        for setting in spec.refused if leaf.decides else ():
            text = f"the spec refuses models by '{setting}', so that nothing shows the claim"
            yield Fact(leaf.value != deciding(setting)[0], text, claim=leaf.claim)


def has_key(hf: HfModel, key: str) -> bool:
    """Whether HF's config has a key without being told: it keeps any that it is given.

    HF may also ask for a key that its config lacks, with a default; then parameters depend on it.
    """
    config = hf.config
    if key in config.attribute_map or isinstance(getattr(type(config), key, None), property):
        return True
    if key not in hf.settings:
        return key in config.to_dict()
    if key not in config.to_dict():
        # HF has turned it into what it is called today.
        return True
    others = {name: value for name, value in hf.settings.items() if name != key}
    try:
        own = hf_config(hf.architecture, others)
    except Exception:
        # HF cannot do without it.
        return True
    return key in own.to_dict() or _shapes_depend(hf, key)


def _shapes_depend(hf: HfModel, key: str) -> bool:
    for changes in moves(hf.config).get(key, ()):
        with suppress(UnavailableError):
            if reshapes(hf, changes):
                return True
    return False


def _parts(subject: Subject, found: list[Leaf]) -> Iterator[Fact]:
    """Paths that start at a block are looked for in all of them.

    Where nothing is there that a facet names below its path, it is the path that is wrong.
    """
    there = _there(subject)
    blocks = subject.declared.paths.blocks
    below = _below_blocks(there, blocks)
    reachable = []
    for leaf in found:
        places = below if leaf.in_blocks else there
        holder = leaf.place.removesuffix(leaf.value).removesuffix(".")
        if places and (not holder or holder in places):
            # Otherwise another leaf names the module that is missing.
            reachable.append(leaf)
    empty = _empty(subject.declared, reachable, below)
    for leaf in reachable:
        if leaf.claim in empty.values():
            names = ", ".join(
                part.value for part in reachable if empty.get(part.claim) == leaf.claim
            )
            text = f"HF's {leaf.value} has none of {names}"
            yield Fact(False, text, claim=leaf.claim)
        elif leaf.claim not in empty:
            yield _part(subject, leaf, below if leaf.in_blocks else there)


def _empty(spec: Spec, found: list[Leaf], below: set[str]) -> dict[str, str]:
    """The claims of parts below paths that have none of theirs, each with the claim of the path."""
    paths = [leaf.claim for leaf in claims(spec) if leaf.in_blocks and leaf.claim.endswith(".path")]
    parts: dict[str, list[Leaf]] = {}
    for leaf in found:
        facets = [p for p in paths if leaf.claim.startswith(p.removesuffix("path"))]
        if facets and leaf.claim not in facets:
            parts.setdefault(max(facets, key=len), []).append(leaf)
    return {
        leaf.claim: path
        for path, leaves_below in parts.items()
        if len(leaves_below) > 1 and not any(leaf.place in below for leaf in leaves_below)
        for leaf in leaves_below
    }


def _part(subject: Subject, leaf: Leaf, places: set[str]) -> Fact:
    """Whether the part is there, and if not, what its innermost module that is there has.

    Where a key that no claim names brings it about, the claim on when it is there is wrong.
    """
    holder, _, name = leaf.place.rpartition(".")
    while holder and holder not in places:
        holder, _, name = holder.rpartition(".")
    whole, there = "block" if leaf.in_blocks else "model", leaf.place in places
    changes = {} if there else _bringing(subject, leaf)
    if changes:
        spec, (key,) = subject.declared, changes
        settings = (setting for setting in spec.refused if deciding(setting)[0] == key)
        refused = next((f"refused.{setting}" for setting in settings), "")
        text = f"HF's {holder or whole} has '{name}' with {shown(changes)}, which is "
        text += "refused" if refused else "not what the spec says"
        claim = refused or condition_of(spec, leaf.claim) or leaf.claim
        return Fact(False, text, claim=claim)
    text = f"HF's {holder or whole} has no '{name}' under any config that is run"
    instead = _instead(_nearest(name, _children(places, holder)), leaf)
    return Fact(there, f"{text}{instead}", claim=leaf.claim)


def _bringing(subject: Subject, leaf: Leaf) -> dict[str, Any]:
    """The config key that alone, flipped, brings about what a leaf names; empty if none does."""
    blocks = subject.declared.paths.blocks
    absent = [*probe_of(subject.declared.attention).conditions()]
    models = chain(structures(subject.hf)[1:], _without_numbers(subject.hf) if absent else ())
    for built in models:
        parts = set(built.parts)
        if leaf.place in (_below_blocks(parts, blocks) if leaf.in_blocks else parts):
            return built.changes
    return {}


def _without_numbers(hf: HfModel) -> Iterator[Structure]:
    """The tiny model without one of the numbers that it has; HF may then have other parts."""
    values = hf.config.to_dict().items()
    for key in [key for key, value in values if type(value) is int]:
        with suppress(UnavailableError):
            yield structure(hf, {key: None})


def _there(subject: Subject) -> set[str]:
    """Modules, parameters and buffers of the tiny model, and of it with each key flipped."""
    hf = subject.hf
    found: set[str] = set()
    settings = [changes for changes, _ in conditions(subject.declared, hf.config)]
    for changes in [{}, *settings]:
        try:
            found |= structure(hf, changes).parts
        except UnavailableError:
            if not changes:
                raise
    return found


def _below_blocks(parts: set[str], blocks: str) -> set[str]:
    return {place for part in parts if (place := _below_a_block(part, blocks))}


def _below_a_block(part: str, blocks: str) -> str:
    start, _, place = part.removeprefix(f"{blocks}.").partition(".")
    return place if part.startswith(f"{blocks}.") and start.isdigit() else ""


def _children(places: set[str], holder: str) -> list[str]:
    start = f"{holder}." if holder else ""
    below = (place.removeprefix(start) for place in places if place.startswith(start))
    return sorted({name.partition(".")[0] for name in below})


def _nearest(name: str, siblings: list[str]) -> list[str]:
    """Names that exist instead, the most alike first."""
    alike = get_close_matches(name, siblings, _SHOWN, cutoff=0.0)
    return [*alike, *(other for other in siblings if other not in alike)][:_SHOWN]


def _instead(nearest: list[str], leaf: Leaf) -> str:
    """The advice on what to write."""
    there = f"; it has {', '.join(nearest)}" if nearest else ""
    without = f"; write `{leaf.without}` if there is none" if leaf.without else ""
    return there + without
