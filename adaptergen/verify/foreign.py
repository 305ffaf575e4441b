"""Other people's adapters: what can be said of one that no spec describes.

Of the model's parts only the layers are known, and those by running HF's model, not by asking the
adapter.
"""

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES

from adaptergen.errors import Unusable, did_you_mean
from adaptergen.spec.model import Spec
from adaptergen.verify.check import (
    EXACT,
    Check,
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
    skipped,
)
from adaptergen.verify.checks import boot, cache, forward, gradient, hooks, weights
from adaptergen.verify.decoding import hf_continuation, hf_in_chunks
from adaptergen.verify.hf import Batch, HfModel, hf_class
from adaptergen.verify.module import SHIPPED
from adaptergen.verify.once import MissingError, UnavailableError, one_line
from adaptergen.verify.precision import comparable
from adaptergen.verify.record import CheckResult, Record, VariantResult
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import EVERYTHING, Selection
from adaptergen.verify.spelling import respelled
from adaptergen.verify.stages import Stage
from adaptergen.verify.subject import Subject
from adaptergen.verify.sweep import sweep
from adaptergen.verify.tiny import tiny_settings

# HF computes norms, positions and routing in float32 here and there, in another order than TL.
_FLOAT32 = 1e-5
# Folding and padding add to that; what is wrong costs a thousand times as much.
_PROCESSED = 1e-4


class ForeignSubject(Subject):
    """An adapter that TL ships for an architecture, without a spec."""

    def __init__(
        self,
        architecture: str,
        overrides: Mapping[str, Any] | None = None,
        hf: HfModel | None = None,
        thrifty: bool = False,
    ) -> None:
        tiny, source = tiny_settings(architecture), f"{SHIPPED}{architecture}"
        self._begin(architecture, tiny, source, overrides, hf, thrifty)

    @property
    def spec(self) -> Spec:
        """There is none.

        Raises:
            NotApplicableError: always; the check that asked is skipped.
        """
        raise NotApplicableError("the adapter has no spec")

    def variant(self, **changes: Any) -> "ForeignSubject":
        """The same adapter on another HF config, with one bridge for everything."""
        return ForeignSubject(self.architecture, {**self.overrides, **changes}, thrifty=True)

    @property
    def layers(self) -> dict[int, str]:
        """Path of each layer in the HF model: the outermost list of modules that all run."""
        return self.once.get("the layers of HF's model", lambda: layers_of(self.hf))

    @property
    def stages(self) -> list[Stage]:
        """The residual stream around each layer."""
        return self.once.get("HF's activations", lambda: list(self._stream()))

    def _stream(self) -> Iterator[Stage]:
        for number, path in self.layers.items():
            call = self.hf.call(path)
            yield Stage("hook_resid_pre", "stream", "", call.input, number)
            yield Stage("hook_resid_post", "stream", "", call.value, number)


def layers_of(hf: HfModel) -> dict[int, str]:
    """Path of each layer, by number.

    Raises:
        MissingError: if no list of modules looks like layers.
    """
    for path, module in hf.model.named_modules():
        if not isinstance(module, nn.ModuleList) or not len(module):
            continue
        paths = [f"{path}.{number}" for number in range(len(module))]
        if all(hf.seen.runs[p] == 1 for p in paths):
            return dict(enumerate(paths))
    raise MissingError("HF's model has no list of modules that each run once")


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
        assert subject.layers
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


def padding_moves(hf: HfModel, side: str) -> float:
    """How far HF's logits of real tokens are from those of the same tokens without padding."""
    batch = hf.padded(side)
    assert batch.mask is not None
    together = hf.logits(batch)
    worst = 0.0
    for row, mask in enumerate(batch.mask.bool()):
        alone = hf.logits(Batch(batch.ids[row : row + 1, mask]))
        worst = max(worst, largest_difference(together[row : row + 1, mask], alone))
    return worst


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


def _in_chunks(hf: HfModel) -> object:
    return hf_in_chunks(hf, hf.batch(hf.length), (0, 5, hf.length))


def _in_padded_chunks(hf: HfModel) -> object:
    return hf_in_chunks(hf, hf.padded("left"), (0, 5, hf.length))


def _continued(hf: HfModel) -> object:
    """Raises also where HF's cache changes what HF generates."""
    batch, count = hf.padded("left"), 4
    found = hf_continuation(hf.model, batch, count, pad_token_id=0)
    ids, mask = batch.ids, batch.mask
    for _ in range(count):
        chosen = hf.logits(Batch(ids, mask))[:, -1:].argmax(-1)
        ids = torch.cat((ids, chosen), dim=1)
        mask = None if mask is None else torch.cat((mask, torch.ones_like(chosen)), dim=1)
    if not torch.equal(ids[:, -count:], found):
        raise MissingError("with its cache it generates other tokens than without")
    return found


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
    _if_hf_can(cache.prefill, _in_chunks),
    _if_hf_can(cache.padding, _in_padded_chunks, "left"),
    _if_hf_can(cache.generate, _continued, "left"),
    _loosely(weights.embedding),
    compatibility,
)


def distrust(hf: HfModel) -> str:
    """Why HF's model is no oracle; nothing if it runs, and a copy of it and a second run agree."""
    try:
        logits = hf.seen.logits
    except UnavailableError as error:
        return f"{error.what} failed: {error.reason}"
    if not bool(logits.isfinite().all()):
        return "HF's own logits are not finite"
    batch = hf.batch(hf.length)
    with torch.no_grad():
        copied = copy.deepcopy(hf.model)(batch.ids).logits
    for what, again in (("a second run", hf.logits(batch)), ("a copy", copied)):
        difference = largest_difference(again, logits)
        if difference > EXACT:
            return f"{what} of HF's model differs from it by {difference:.1e}"
    return ""


def check_architecture(name: str) -> None:
    """Refuse an architecture that TL ships no adapter for.

    Raises:
        Unusable: likewise for one that transformers has no class for.
    """
    if name not in SUPPORTED_ARCHITECTURES:
        hint = did_you_mean(name, SUPPORTED_ARCHITECTURES)
        raise Unusable(f"TransformerLens ships no adapter for {name}", hint)
    try:
        hf_class(name)
    except MissingError as error:
        raise Unusable(str(error)) from None


def verify_foreign(
    architecture: str,
    overrides: Mapping[str, Any],
    progress: Callable[[str], None] = lambda line: None,
    select: Selection = EVERYTHING,
    with_variants: bool = False,
) -> Record:
    """Run the checks that need no spec on the adapter that TL ships for an architecture."""
    started = time.perf_counter()
    respelt = respelled(architecture, overrides, tiny_settings(architecture))
    subject = ForeignSubject(architecture, respelt)
    chosen = select.of(ALL)
    with comparable():
        doubt = distrust(subject.hf)
        if doubt:
            results = [skipped(check, doubt) for check in chosen]
            return _record(subject, results, [], started)
        results = run_checks(subject, chosen, lambda c: progress(c.name))
        found = sweep(subject, {}, SWEPT, progress) if with_variants else []
    return _record(subject, results, found, started)


def _record(
    subject: ForeignSubject,
    results: Sequence[CheckResult],
    variants: Sequence[VariantResult],
    started: float,
) -> Record:
    name, seconds = subject.architecture, round(time.perf_counter() - started, 3)
    module, overrides = subject.module_path, subject.overrides
    return Record(name, name, module, overrides, tuple(results), seconds, variants=tuple(variants))
