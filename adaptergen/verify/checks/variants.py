"""Is the adapter also right one config key away from the tiny model?"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from adaptergen.spec.model import Spec
from adaptergen.spec.processing import Invalid
from adaptergen.verify.check import (
    EXACT,
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
    wrong,
)
from adaptergen.verify.checks import weights
from adaptergen.verify.checks.claims_config import head_settings
from adaptergen.verify.checks.claims_paths import biases
from adaptergen.verify.once import UnavailableError, one_line
from adaptergen.verify.structure import structure
from adaptergen.verify.subject import Subject


@check(
    "variants.flags",
    "With each config key that a claim names flipped, the adapter is right too.",
    tolerance=weights.PROCESSED,
)
def flags(subject: Subject) -> Iterator[Evidence]:
    """Weights, logits and, where valid, log-probabilities in compatibility mode."""
    _require_right(subject)
    keys = claimed_keys(subject.spec)
    if not keys:
        raise NotApplicableError("no claim of the spec names a config key that can be flipped")
    for key, claim in keys.items():
        value = getattr(subject.hf.config, key, None)
        if isinstance(value, bool):
            yield from _right_with(subject, {key: not value}, claim)


@check(
    "variants.heads",
    "With other head counts and head sizes, biases included, the adapter is right too.",
    claim="attention.heads",
    tolerance=weights.PROCESSED,
)
def heads(subject: Subject) -> Iterator[Evidence]:
    """As many key and value heads as queries, fewer, and one; biases are split by head too."""
    _require_right(subject)
    bias_keys = {value for _, value in biases(subject.spec).values() if isinstance(value, str)}
    biased = dict.fromkeys(sorted(bias_keys), True)
    for changes in head_settings(subject.spec):
        try:
            structure(subject.hf, changes)
        except UnavailableError:
            # HF refuses some combinations; they are no model that an adapter could meet.
            continue
        if changes:
            yield from _right_with(subject, {**changes, **biased}, "attention.heads")


def claimed_keys(spec: Spec) -> dict[str, str]:
    """Config keys that decide biases or tied embeddings, with the first claim that names each."""
    decided = {claim: value for claim, (_, value) in biases(spec).items()}
    decided["tied_embeddings"] = spec.tied_embeddings
    keys: dict[str, str] = {}
    for claim, value in decided.items():
        if isinstance(value, str):
            keys.setdefault(value, claim)
    return keys


def _require_right(subject: Subject) -> None:
    """What is wrong without any change says nothing about the keys that are changed."""
    if wrong(weights.compatibility, list(_examined(subject))):
        raise NotApplicableError("the adapter is wrong without any change already, see above")


def _right_with(subject: Subject, changes: dict[str, Any], claim: str) -> Iterator[Evidence]:
    """A cheap pass over another config: what the adapter does wrong is blamed on `claim`."""
    shown = "with " + ", ".join(f"{key}={value}" for key, value in changes.items())
    try:
        for evidence in _examined(subject.variant(**changes)):
            if isinstance(evidence, Fact):
                yield replace(evidence, message=f"{shown}, {evidence.message}", claim=claim)
            else:
                yield replace(evidence, what=f"{shown}, {evidence.what}", claim=claim)
    except UnavailableError as error:
        yield Fact(False, f"{shown}, {error.what} failed: {error.reason}", claim=claim)
    except Exception as error:
        yield Fact(False, f"{shown}, raised {one_line(error, subject.module_path)}", claim=claim)


def _examined(variant: Subject) -> Iterator[Evidence]:
    """Logits, weights, conversions and, where valid, compatibility mode."""
    batch = variant.hf.batch(variant.hf.length)
    theirs = variant.hf.seen.logits
    difference = largest_difference(variant.logits(batch), theirs)
    yield Difference("the output", difference, tolerance=EXACT)
    for part in (weights.attention, weights.conversions):
        for evidence in part.examine(variant):
            if isinstance(evidence, Difference):
                evidence = replace(evidence, tolerance=part.tolerance)
            yield evidence
    if isinstance(variant.spec.processing.compatibility_mode, Invalid):
        return
    ours = variant.compatible_logits(batch)
    difference = largest_difference(ours.log_softmax(-1), theirs.log_softmax(-1))
    yield Difference("log-probability in compatibility mode", difference)
