"""Does the spec know every key of HF's config that matters?"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import Any

from torch import Tensor

from adaptergen.components.attention.probe import probe_of
from adaptergen.components.attention.spec import HeadedAttention
from adaptergen.language.factor import value_of
from adaptergen.spec.leaves import keys_named
from adaptergen.spec.model import Spec
from adaptergen.verify import probe
from adaptergen.verify.acting import acts, blamed, is_told_apart
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.checks.claims_positions import rope_layers, window
from adaptergen.verify.declared import layout_keys, parameters
from adaptergen.verify.heads import headed
from adaptergen.verify.hf import HfModel
from adaptergen.verify.layers import rotation_claimed, windows_claimed
from adaptergen.verify.once import UnavailableError, once
from adaptergen.verify.perturb import is_common, moves, shown
from adaptergen.verify.structure import Structure, reshapes, runs, structure
from adaptergen.verify.subject import Subject
from adaptergen.verify.versions import exceptions_apply
from adaptergen.verify.widths import width_facts

_CLAIM = "verification.config"
_POSITIONS = "rope_parameters"


@check("claims.config", "HF config keys that change the output are named by a claim, or waived.")
def config(subject: Subject) -> Iterator[Evidence]:
    """Moves each key alone, keeps the weights, and compares HF's logits with HF's.

    A key needs no name if it acts through an attribute of HF's attention that a claim reads, and
    layers still rotate and see as claimed; nor if it is a size: parameters change shape, and still
    lie where the paths say, projections as wide as the head counts make them; nor if it changes no
    more than cosines and sines, and the key that does so is waived. Settings that HF refuses say
    nothing. A waiver of a key that changes nothing is out of date. Keys that are unset are also
    moved where another layout is set.
    """
    for _, path in subject.below(subject.spec.attention.path):
        subject.hf.module(path)
    named, waived = keys_named(subject.spec), subject.spec.verification.config
    settings, known = moves(subject.hf.config), named.keys() | waived.keys()
    yield from _waivers(subject, named, waived, settings)
    yield from _constants(subject, settings)
    for key, changes in settings.items():
        if key in named:
            continue
        # What takes care of positions does so whatever other key HF computes them from.
        turned = key not in waived and _POSITIONS in waived
        effects = (
            (found, change)
            for change in changes
            if (found := effect(subject, change))
            and not _respells(subject, change, known)
            and not (turned and _acts_through_positions(subject, change))
        )
        said, change = next(effects, ("", {}))
        if key not in waived:
            text = f"{said}, and no claim names '{key}', nor does {_CLAIM} waive it"
            yield Fact(not said, text, claim=(said and _other(subject, change)) or _CLAIM)
        elif not subject.overrides:
            # With keys that the user has set, a key of the spec may lose its effect.
            text = f"'{key}' is waived, and changes nothing in HF that no claim explains"
            yield Fact(bool(said) or not exceptions_apply(), text, claim=_CLAIM)
    yield from _behind_layouts(subject, known)


def _waivers(
    subject: Subject,
    named: Mapping[str, str],
    waived: Collection[str],
    settings: Mapping[str, Sequence[Any]],
) -> Iterator[Fact]:
    """Whether waived keys exist, and nothing else names them.

    If something does that the key has nothing to do with, the waiver is right.
    """
    for key in waived:
        exists = key in subject.hf.config.to_dict() or not exceptions_apply()
        yield Fact(exists, f"'{key}' is waived, and HF's config has no such key", claim=_CLAIM)
        if key in named:
            claim, moved = named[key], settings.get(key, ())
            about = not is_told_apart(claim) or any(
                acts(subject.hf, subject.spec, change, claim) for change in moved
            )
            text = f"'{key}' is waived, and {claim} names it"
            yield Fact(False, text, claim=_CLAIM if about else claim)


def _constants(subject: Subject, settings: Mapping[str, Sequence[Any]]) -> Iterator[Fact]:
    """Whether claims that do nothing but name a config key name one that has an effect.

    Of a factor the logits show it, unless it is one; of a cap too, unless there is none.
    """
    for claim, key in {"norm.eps": subject.spec.norm.eps, "mlp.act": subject.spec.mlp.act}.items():
        moved = settings.get(key, []) if key else []
        matters = any(acts(subject.hf, subject.spec, change, claim) for change in moved)
        part = subject.spec.paths.final_norm if claim == "norm.eps" else subject.spec.mlp.path
        yield Fact(matters or not key, f"'{key}' changes nothing in HF's {part}", claim=claim)
    factors = subject.spec.multipliers
    numbers = dict(factors.factors)
    if factors.soft_cap is not None:
        numbers["multipliers.soft_cap"] = factors.soft_cap
    for claim, factor in numbers.items() if not subject.overrides else ():
        value = value_of(factor, subject.hf.config)
        text = f"the tiny model has {factor}={value:g}, which shows nothing: set another in `tiny`"
        yield Fact(value not in (0, 1), text, claim=claim)


def _behind_layouts(subject: Subject, known: Collection[str]) -> Iterator[Fact]:
    """Whether unset keys stay without effect under each key that decides a layout."""
    config, spec = subject.hf.config, subject.declared
    values = config.to_dict().items()
    unset = [k for k, v in values if v is None and k not in known and not is_common(k)]
    for i, layout in enumerate(spec.layouts if unset else ()):
        changes = layout_keys(spec, i, config)
        if not runs(subject.hf, changes):
            continue
        other = subject.variant(**changes)
        for key in unset:
            tried = [{key: number} for number in (1, 2)]
            effects = ((effect(other, moved), moved) for moved in tried)
            said = next((said for said, moved in effects if said and runs(other.hf, moved)), "")
            text = f"where {layout.when} is set, {said}, and no claim names '{key}'"
            claim = f"layouts.{i}.unless" if layout.unless else f"layouts.{i}"
            yield Fact(not said, text, claim=claim)


def effect(subject: Subject, changes: Mapping[str, Any]) -> str:
    """The effect of a change in HF that no claim explains; empty if none, or if HF refuses it."""
    hf, setting = subject.hf, shown(changes)
    before = hf.seen.logits
    try:
        built = structure(hf, changes)
        if reshapes(hf, changes):
            described = _described(subject, built) or not _described(subject, structure(hf, {}))
            return "" if described else f"with {setting} HF's parameters change"
        logits = _logits_under(hf, changes)
    except UnavailableError:
        # HF refuses this config while building the model, or later while running it.
        return ""
    if not probe.changed(logits, before):
        return ""
    moved = _moved(subject, changes)
    explained = _policies(moved) != _policies(subject) and _positions_as_claimed(moved)
    return "" if explained else f"HF's output changes with {setting}"


def _respells(subject: Subject, changes: Mapping[str, Any], known: Set[str]) -> bool:
    """Whether a change does nothing but change keys that are known, as old names of keys do."""
    hf, before = subject.hf, subject.hf.config.to_dict()
    if reshapes(hf, changes):
        return False
    moved, batch = _moved(subject, changes).hf, hf.batch(hf.length)
    after = moved.config.to_dict()
    others = {key: after[key] for key in after.keys() - changes if after[key] != before.get(key)}
    if not others or not others.keys() <= known:
        return False
    return not probe.changed(_moved(subject, others).hf.logits(batch), moved.logits(batch))


def _moved(subject: Subject, changes: Mapping[str, Any]) -> Subject:
    """The subject under another config, with the same weights."""
    overrides = {**subject.overrides, **changes}
    return Subject(subject.spec, subject.module_path, overrides, subject.hf.moved(changes))


@once("HF's output with {changes}")
def _logits_under(hf: HfModel, changes: Mapping[str, Any]) -> Tensor:
    return hf.moved(changes).logits(hf.batch(hf.length))


def _positions_as_claimed(moved: Subject) -> bool:
    """Whether layers still rotate and see what the claims say, by the attributes they name."""
    own = not probe_of(moved.spec.attention).without_steps
    facts = [*window.examine(moved), *(rope_layers.examine(moved) if own else ())]
    return all(isinstance(fact, Fact) and fact.holds for fact in facts)


def _acts_through_positions(subject: Subject, changes: Mapping[str, Any]) -> bool:
    """Whether HF computes the same under a change if handed the cosines and sines of before."""
    hf, rotary = subject.hf, subject.spec.paths.rotary
    if rotary is None or reshapes(hf, changes) or hf.seen.runs[rotary] != 1:
        return False
    before, moved = hf.call(rotary).output, _moved(subject, changes).hf
    with probe.editing(moved, {rotary: lambda _: before}):
        logits = moved.logits(hf.batch(hf.length))
    return not probe.changed(logits, hf.seen.logits)


def _described(subject: Subject, built: Structure) -> bool:
    """Whether the claims lead to all parameters of a model, with projections as wide as they say.

    Where they do not on the tiny model itself, other checks say so.
    """
    has_heads = isinstance(subject.spec.attention, HeadedAttention)
    if has_heads and not _has_head_counts(subject.spec, built):
        return False
    found = {_pattern(name) for name in built.shapes}
    declared = {_pattern(name) for name in parameters(subject.spec_under(built.config), built)}
    wide = not has_heads or all(fact.holds for fact in width_facts(subject, built))
    return found == declared and wide


def _other(subject: Subject, changes: Mapping[str, Any]) -> str:
    """The claim that should have named what a change moves, if one is told by what it moves."""
    return _miscounted(subject, changes) or blamed(subject.hf, subject.spec, changes)


def _miscounted(subject: Subject, changes: Mapping[str, Any]) -> str:
    """The claim that counts heads, where a change makes projections wider than it says."""
    if not isinstance(subject.spec.attention, HeadedAttention) or not reshapes(subject.hf, changes):
        return ""
    built = structure(subject.hf, changes)
    if not _has_head_counts(subject.spec, built):
        return ""
    return next((fact.claim for fact in width_facts(subject, built) if not fact.holds), "")


def _has_head_counts(spec: Spec, built: Structure) -> bool:
    heads = headed(spec).heads
    named = [key for key in (heads.query, heads.key_value) if key is not None]
    return all(hasattr(built.config, key) for key in named)


def _pattern(name: str) -> str:
    return re.sub(r"\.\d+\.", ".{i}.", name)


def _policies(subject: Subject) -> list[object]:
    """The claims about positions under a config, layer by layer."""
    own = not probe_of(subject.spec.attention).without_steps
    return [rotation_claimed(subject) if own else None, windows_claimed(subject)]
