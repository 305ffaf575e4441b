"""The checks of an adapter without a spec: those that need none, as loose as HF itself is."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from adaptergen.verify.check import (
    EXACT,
    Check,
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.checks import boot, cache, forward, gradient, hooks, weights
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import UnavailableError, one_line
from adaptergen.verify.shipped.oracle import (
    continued,
    in_chunks,
    in_padded_chunks,
    padding_moves,
)
from adaptergen.verify.subject import Subject

# HF computes norms, positions and routing in float32 here and there, in another order than TL.
_FLOAT32 = 1e-5
# Folding and padding add to that; what is wrong costs a thousand times as much.
_PROCESSED = 1e-4


@check(
    "weights.compatibility",
    "Log-probabilities equal HF's after folding and centring.",
    tolerance=_PROCESSED,
)
def compatibility(subject: Subject) -> Iterator[Evidence]:
    """Unless the adapter says that it does not support compatibility mode."""
    if not getattr(subject.adapter, "supports_compatibility_mode", True):
        raise NotApplicableError("the adapter says that it does not support compatibility mode")
    yield Difference("log-probability in compatibility mode", subject.compatible_difference())


def _require_layers(subject: Subject) -> None:
    try:
        _ = subject.layers
    except UnavailableError as error:
        raise NotApplicableError(error.reason) from None


@check("hooks.identities", "Each layer's residual hooks add up.")
def identities(subject: Subject) -> Iterator[Evidence]:
    """In a parallel block both outputs at once, elsewhere one after the other."""
    _require_layers(subject)
    values = subject.trace.values
    found = list(hooks.identities.examine(subject))
    for number in subject.layers:
        names = [f"blocks.{number}.hook_{part}" for part in ("resid_pre", "attn_out", "mlp_out")]
        parallel = f"blocks.{number}.hook_resid_mid" not in values
        if parallel and all(name in values for name in names):
            total = sum((values[name] for name in names[1:]), values[names[0]])
            end = values[f"blocks.{number}.hook_resid_post"]
            difference = largest_difference(total, end)
            text = f"resid_pre + attn_out + mlp_out is not resid_post, off by {difference:.1e}"
            found.append(Fact(difference < EXACT, text, number))
    if not found:
        raise NotApplicableError("the blocks do not have the hooks")
    yield from found


@check("forward.padding_left", "Logits of real tokens equal HF's in a left-padded batch.")
def padding_left(subject: Subject) -> Iterator[Evidence]:
    """If HF's own do not depend on the padding."""
    yield from _padded(subject, "left", forward.padding_left)


@check("forward.padding_right", "Logits of real tokens equal HF's in a right-padded batch.")
def padding_right(subject: Subject) -> Iterator[Evidence]:
    """If HF's own do not depend on the padding."""
    yield from _padded(subject, "right", forward.padding_right)


def _padded(subject: Subject, side: str, compared: Check) -> Iterator[Evidence]:
    gathered = list(compared.examine(subject))
    agrees = all(isinstance(e, Difference) and e.value <= _FLOAT32 for e in gathered)
    moved = 0.0 if agrees else padding_moves(subject.hf, side)
    if moved > _FLOAT32:
        found = max(e.value for e in gathered if isinstance(e, Difference))
        text = f"padding alone moves HF's own logits by {moved:.1e}; the adapter's by {found:.1e}"
        raise NotApplicableError(text)
    yield from gathered


def _loosely(compared: Check) -> Check:
    return replace(compared, tolerance=_FLOAT32, claim="")


def _if_found(
    compared: Check, lacking: str, require: Callable[[Subject], None] = lambda _: None
) -> Check:
    """The check, skipped where it finds nothing to compare because something is lacking."""

    def examine(subject: Subject) -> Iterator[Evidence]:
        require(subject)
        found = list(compared.examine(subject))
        if not found:
            raise NotApplicableError(lacking)
        yield from found

    return replace(_loosely(compared), examine=examine)


def _if_hf_can(compared: Check, attempt: Callable[[HfModel], object], side: str = "") -> Check:
    """The check, skipped where HF's model itself cannot do what it asks for.

    With a `side` the check pads there: where that moves HF's own output, it says nothing either.
    """

    def examine(subject: Subject) -> Iterator[Evidence]:
        try:
            attempt(subject.hf)
        except Exception as error:
            raise NotApplicableError(f"HF itself cannot: {one_line(error)}") from None
        moved = padding_moves(subject.hf, side) if side else 0.0
        if moved > _PROCESSED:
            raise NotApplicableError(f"padding alone moves HF's own logits by {moved:.1e}")
        yield from compared.examine(subject)

    return replace(_loosely(compared), examine=examine)


_RESIDUAL = _if_found(forward.residual, "the blocks do not have the hooks", _require_layers)
# The last one changes the bridge of a thrifty subject, which the others look at.
SWEPT: tuple[Check, ...] = (
    boot.bridge,
    _loosely(forward.logits),
    _RESIDUAL,
    identities,
    compatibility,
)
ALL: tuple[Check, ...] = (
    boot.module,
    boot.bridge,
    _loosely(forward.logits),
    _RESIDUAL,
    _if_found(forward.final_norm, "the adapter maps no final norm"),
    _loosely(forward.unembed),
    _loosely(padding_left),
    _loosely(padding_right),
    identities,
    _if_hf_can(gradient.parameters, lambda hf: hf.seen),
    _if_hf_can(cache.prefill, in_chunks),
    _if_hf_can(cache.padding, in_padded_chunks, "left"),
    _if_hf_can(cache.generate, continued, "left"),
    _loosely(weights.embedding),
    compatibility,
)
