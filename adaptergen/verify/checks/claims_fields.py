"""Does the spec know every key of HF's config that matters?"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from adaptergen.spec.model import Spec
from adaptergen.spec.rope import FlaggedLayers
from adaptergen.spec.window import ConfigWindow, FlaggedWindow
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, NotApplicableError, check
from adaptergen.verify.checks.claims_config import width_facts
from adaptergen.verify.checks.claims_paths import biases, claims_of_parameters
from adaptergen.verify.checks.claims_positions import rope_layers, window
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.perturb import perturbations
from adaptergen.verify.structure import Structure, structure
from adaptergen.verify.subject import Subject

_CLAIM = "verification.config"


@check("claims.config", "HF config keys that change the output are named by a claim, or waived.")
def config(subject: Subject) -> Iterator[Evidence]:
    """Moves each key alone, keeps the weights, and compares HF's logits with HF's.

    A key needs no name if it acts through an attribute of HF's attention that a claim reads, and
    layers still rotate and see as claimed; nor if it is a size: parameters change shape, and still
    lie where the paths say, projections as wide as the head counts make them. Settings that HF
    refuses say nothing. A waiver of a key that changes nothing is out of date.
    """
    for _, path in subject.below(subject.spec.attention.path):
        subject.hf.module(path)
    named, waived = named_keys(subject.spec), subject.spec.verification.config
    moves = groupby(perturbations(subject.hf.config), key=lambda move: move[0])
    settings = {key: [changes for _, changes in group] for key, group in moves}
    for key in waived:
        exists = key in subject.hf.config.to_dict()
        yield Fact(exists, f"'{key}' is waived, and HF's config has no such key", claim=_CLAIM)
        if key in named:
            yield Fact(False, f"'{key}' is waived, and {named[key]} names it", claim=_CLAIM)
    for key, changes in settings.items():
        if key in named:
            continue
        effects = (effect for change in changes if (effect := _effect(subject, change)))
        effect = next(effects, "")
        if key not in waived:
            text = f"{effect}, and no claim names '{key}', nor does {_CLAIM} waive it"
            yield Fact(not effect, text, claim=_CLAIM)
        elif not subject.overrides:
            # With keys that the user has set, a key of the spec may lose its effect.
            text = f"'{key}' is waived, and changes nothing in HF that no claim explains"
            yield Fact(bool(effect), text, claim=_CLAIM)


def named_keys(spec: Spec) -> dict[str, str]:
    """The config keys that claims name, each with one of these claims."""
    heads, reach = spec.attention.heads, spec.attention.window
    decided: dict[str, object] = {claim: value for claim, (_, value) in biases(spec).items()}
    decided["tied_embeddings"] = spec.tied_embeddings
    decided |= {f"attention.heads.{role}": key for role, key in heads.model_dump().items()}
    if isinstance(reach, ConfigWindow):
        decided["attention.window"] = reach.config
    keys: dict[str, str] = {}
    for claim, key in decided.items():
        if isinstance(key, str):
            keys.setdefault(key, claim)
    return keys


def _effect(subject: Subject, changes: Mapping[str, Any]) -> str:
    """What a change does in HF that no claim explains; empty if nothing, or if HF refuses it."""
    hf, shown = subject.hf, ", ".join(f"{key}={value}" for key, value in changes.items())
    before = hf.seen.logits
    try:
        built = structure(hf, changes)
        if built.shapes != structure(hf, {}).shapes:
            described = _described(subject, built) or not _described(subject, structure(hf, {}))
            return "" if described else f"with {shown} HF's parameters change"
        moved, batch = _moved(subject, changes), hf.batch(hf.length)
        logits = hf.once.get(f"HF's output with {shown}", lambda: moved.hf.logits(batch))
    except UnavailableError:
        # HF refuses this config while building the model, or later while running it.
        return ""
    if not probe.changed(logits, before):
        return ""
    explained = _flags(moved) != _flags(subject) and _positions_as_claimed(moved)
    return "" if explained else f"HF's output changes with {shown}"


def _moved(subject: Subject, changes: Mapping[str, Any]) -> Subject:
    """The subject under another config. Its weights are the same where their shapes are."""
    hf, shown = subject.hf, dict(changes)
    settings = {**hf.settings, **changes}
    other = hf.once.get(f"HF's model under {shown}", lambda: HfModel(hf.architecture, settings))
    return Subject(subject.spec, subject.module_path, {**subject.overrides, **changes}, other)


def _positions_as_claimed(moved: Subject) -> bool:
    """Whether layers still rotate and see what the claims say, by the attributes they name."""
    facts = list(window.examine(moved))
    with contextlib.suppress(NotApplicableError):
        facts += rope_layers.examine(moved)
    return all(isinstance(fact, Fact) and fact.holds for fact in facts)


def _described(subject: Subject, built: Structure) -> bool:
    """Whether the claims lead to all parameters of a model, with projections as wide as they say.

    Where they do not on the tiny model itself, other checks say so.
    """
    heads = subject.spec.attention.heads
    if not all(hasattr(built.config, key) for key in (heads.query, heads.key_value)):
        return False
    found = {_pattern(name) for name in built.shapes}
    declared = {_pattern(name) for name in claims_of_parameters(subject, built)}
    return found == declared and all(fact.holds for fact in width_facts(subject, built))


def _pattern(name: str) -> str:
    return re.sub(r"\.\d+\.", ".{i}.", name)


def _flags(subject: Subject) -> list[object]:
    """What the claims read off HF's attention, layer by layer."""
    attention = subject.spec.attention
    claims = (attention.rope.layers, attention.window)
    flags = [claim.flag for claim in claims if isinstance(claim, FlaggedLayers | FlaggedWindow)]
    modules = [subject.hf.module(path) for _, path in subject.below(attention.path)]
    return [getattr(module, flag, None) for flag in flags for module in modules]
