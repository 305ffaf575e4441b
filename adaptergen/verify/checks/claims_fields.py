"""Does the spec know every key of HF's config that matters?"""

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from adaptergen.spec.model import Spec
from adaptergen.spec.rope import FlaggedLayers
from adaptergen.spec.window import ConfigWindow, FlaggedWindow
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.checks.claims_config import width_facts
from adaptergen.verify.checks.claims_paths import biases, claims_of_parameters
from adaptergen.verify.hf import HfModel, hf_class, hf_config
from adaptergen.verify.perturb import perturbations
from adaptergen.verify.structure import Structure, structure
from adaptergen.verify.subject import Subject

_CLAIM = "verification.config"


@check("claims.config", "HF config keys that change the output are named by a claim, or waived.")
def config(subject: Subject) -> Iterator[Evidence]:
    """Moves each key alone, keeps the weights, and compares HF's logits with HF's.

    A key needs no name if it acts through an attribute of HF's attention that a claim reads, or
    if it is a size: parameters change shape, and still lie where the paths say, projections as
    wide as the head counts make them. Settings that HF refuses say nothing. A waiver of a key that
    changes nothing is out of date.
    """
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
    heads, window = spec.attention.heads, spec.attention.window
    decided: dict[str, object] = {claim: value for claim, (_, value) in biases(spec).items()}
    decided["tied_embeddings"] = spec.tied_embeddings
    decided |= {f"attention.heads.{role}": key for role, key in heads.model_dump().items()}
    if isinstance(window, ConfigWindow):
        decided["attention.window"] = window.config
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
            return "" if _sizes_only(subject, built) else f"with {shown} HF's parameters change"
        model = _with_same_weights(hf, changes)
        with torch.no_grad():
            logits: Tensor = model(**hf.batch(hf.length).arguments, use_cache=False).logits
    except Exception:
        # HF refuses this config while building the model, or later while running it.
        return ""
    explained = _flags(subject, model) != _flags(subject, hf.model)
    if explained or not probe.changed(logits, before):
        return ""
    return f"HF's output changes with {shown}"


def _sizes_only(subject: Subject, built: Structure) -> bool:
    found = {_pattern(name) for name in built.shapes}
    declared = {_pattern(name) for name in claims_of_parameters(subject, built)}
    return found == declared and all(fact.holds for fact in width_facts(subject, built))


def _pattern(name: str) -> str:
    return re.sub(r"\.\d+\.", ".{i}.", name)


def _flags(subject: Subject, model: Any) -> list[object]:
    """What the claims read off HF's attention, layer by layer."""
    attention = subject.spec.attention
    layers, window = attention.rope.layers, attention.window
    flags = [
        claim.flag for claim in (layers, window) if isinstance(claim, FlaggedLayers | FlaggedWindow)
    ]
    modules = [model.get_submodule(path) for _, path in subject.below(attention.path)]
    return [getattr(module, flag, None) for flag in flags for module in modules]


def _with_same_weights(hf: HfModel, changes: Mapping[str, Any]) -> Any:
    """A model under another config, its parameters those of the tiny model by name."""
    with torch.random.fork_rng(devices=[]):
        made = hf_config(hf.architecture, {**hf.settings, **changes})
        model = hf_class(hf.architecture)(made).double().eval()
    model.load_state_dict(hf.model.state_dict())
    return model
