"""Is the adapter also right one config key away from the tiny model?"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from adaptergen.components.attention.probe import probe_of
from adaptergen.spec.processing import Invalid
from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import (
    Difference,
    Evidence,
    Examine,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
    wrong,
)
from adaptergen.verify.checks import (
    boot,
    claims_attention,
    claims_norms,
    config,
    forward,
    hooks,
    kinds,
    weights,
)
from adaptergen.verify.checks.kept import kept_alone
from adaptergen.verify.declared import biases, conditions
from adaptergen.verify.heads import headed
from adaptergen.verify.once import UnavailableError, one_line
from adaptergen.verify.perturb import moves, shown
from adaptergen.verify.probe import changed
from adaptergen.verify.subject import Subject

_UNKNOWN_ACTIVATION = "tanh"
# What a config key can change of blocks while every number stays as it is.
_OF_BLOCKS = (
    claims_norms.block,
    boot.mapping,
    kinds.kinds,
    config.flags,
    hooks.inventory,
    hooks.identities,
    forward.norms,
)


@check(
    "variants.flags",
    "With each config key that a claim names flipped, the adapter is right too.",
    tolerance=weights.PROCESSED,
)
def flags(subject: Subject) -> Iterator[Evidence]:
    """Blocks, hooks, weights, logits and, where valid, log-probabilities in compatibility mode."""
    _require_right(subject, blocks=True)
    flipped = list(conditions(subject.declared, subject.hf.config))
    if not flipped:
        raise NotApplicableError("no claim of the spec names a config key that can be flipped")
    for changes, claim in flipped:
        variant = subject.variant(**changes)
        if _runs(variant):
            yield from _right_with(variant, changes, claim, blocks=True)
        elif not subject.overrides:
            text = f"HF runs no model with {shown(changes)}, so that nothing shows the claim"
            yield Fact(False, text, claim=claim)


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
    biased = dict.fromkeys(sorted(bias_keys - subject.declared.refused.keys()), True)
    changed = filter(None, probe_of(headed(subject.spec)).head_settings())
    settings = [{**changes, **biased} for changes in changed]
    variants = [(changes, subject.variant(**changes)) for changes in settings]
    accepted = [(changes, variant) for changes, variant in variants if _runs(variant)]
    if not accepted:
        raise NotApplicableError("HF refuses every other count of heads")
    for changes, variant in accepted:
        yield from _right_with(variant, changes, "attention.heads")


@check(
    "variants.activation",
    "With an activation that TransformerLens does not know, the adapter is right too.",
    claim="mlp.act",
    tolerance=weights.PROCESSED,
)
def activation(subject: Subject) -> Iterator[Evidence]:
    """In compatibility mode TL computes gated MLPs itself, with silu in place of most others."""
    _require_right(subject)
    key = subject.spec.mlp.act
    if key is None:
        raise NotApplicableError("no config key names the activation of the MLP")
    changes = {key: _UNKNOWN_ACTIVATION}
    variant = subject.variant(**changes)
    if not _runs(variant):
        raise NotApplicableError(f"HF runs no model with {shown(changes)}")
    yield from _right_with(variant, changes, "mlp.act")


@check(
    "variants.unset",
    "With each config key that is unset given a value that matters, the adapter is right too.",
    claim="verification.config",
    tolerance=weights.PROCESSED,
)
def unset(subject: Subject) -> Iterator[Evidence]:
    """Logits, weights, and what hooks keep: no tiny model shows what such a key makes HF do."""
    _require_right(subject)
    found = list(_mattering(subject))
    if not found:
        raise NotApplicableError("no config key is unset that would matter to HF")
    for changes in found:
        variant = subject.variant(**changes)
        yield from _right_with(variant, changes, "verification.config", further=(kept_alone,))


def _mattering(subject: Subject) -> Iterator[dict[str, Any]]:
    """Settings of keys that are None now, by which HF's output changes."""
    hf, spec = subject.hf, subject.declared
    unset = {key for key, value in hf.config.to_dict().items() if value is None}
    for key, settings in moves(hf.config).items():
        if key not in unset or key in spec.refused:
            continue
        for changes in settings:
            with suppress(UnavailableError):
                if changed(hf.moved(changes).seen.logits, hf.seen.logits):
                    yield changes


def is_right(variant: Subject) -> bool:
    """Whether the adapter is right on another config, as far as a cheap pass shows."""
    try:
        return not wrong(weights.compatibility, list(_examined(variant, blocks=True)))
    except Exception:
        return False


def _runs(variant: Subject) -> bool:
    """Whether HF has such a model; if not, it is none that an adapter could meet."""
    try:
        return variant.hf.seen is not None
    except UnavailableError:
        return False


def _require_right(subject: Subject, *, blocks: bool = False) -> None:
    """Faults that are there without any change say nothing about the keys that are changed."""
    if wrong(weights.compatibility, list(_examined(subject, blocks=blocks))):
        raise NotApplicableError("the adapter is wrong without any change already, see above")


def _right_with(
    variant: Subject,
    changes: dict[str, Any],
    claim: str,
    *,
    blocks: bool = False,
    further: tuple[Examine, ...] = (),
) -> Iterator[Evidence]:
    """A cheap pass over another config: what the adapter does wrong is blamed on `claim`."""
    setting = f"with {shown(changes)}"
    try:
        for evidence in _examined(variant, blocks=blocks, further=further):
            if isinstance(evidence, Fact):
                yield replace(evidence, message=f"{setting}, {evidence.message}", claim=claim)
            else:
                yield replace(evidence, what=f"{setting}, {evidence.what}", claim=claim)
    except UnavailableError as error:
        yield Fact(False, f"{setting}, {error.what} failed: {error.reason}", claim=claim)
    except Exception as error:
        yield Fact(False, f"{setting}, raised {one_line(error, variant.module_path)}", claim=claim)


def _examined(
    variant: Subject, *, blocks: bool = False, further: tuple[Examine, ...] = ()
) -> Iterator[Evidence]:
    """Logits, what TL splits by head and, where valid, compatibility mode."""
    batch = variant.hf.batch(variant.hf.length)
    theirs = variant.hf.seen.logits
    difference = largest_difference(variant.logits(batch), theirs)
    yield Difference("the output", difference, tolerance=variant.tolerance)
    if variant.fuses:
        difference = largest_difference(bridges.logits(variant.bridge, batch), theirs)
        text = "the output where HF computes attention"
        yield Difference(text, difference, tolerance=variant.tolerance)
    for part in _OF_BLOCKS if blocks else ():
        yield from part.examine(variant)
    for examine in further:
        yield from examine(variant)
    if blocks and not probe_of(variant.spec.attention).without_steps:
        yield from claims_attention.qk_norm.examine(variant)
    for part in (weights.attention, weights.conversions):
        # Where attention has no projections to heads there is nothing to split.
        with suppress(NotApplicableError):
            for evidence in part.examine(variant):
                if isinstance(evidence, Difference):
                    tolerance = part.tolerating(variant.tolerance).tolerance
                    evidence = replace(evidence, tolerance=tolerance)
                yield evidence
    yield from config.processing.examine(variant)
    if isinstance(variant.spec.processing.compatibility_mode, Invalid):
        return
    yield Difference("log-probability in compatibility mode", variant.compatible_difference())
