"""Verifies an adapter that TL ships, without a spec."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES

from adaptergen.errors import Unusable, did_you_mean
from adaptergen.verify.check import skipped
from adaptergen.verify.hf import hf_class
from adaptergen.verify.once import MissingError
from adaptergen.verify.precision import comparable
from adaptergen.verify.record import CheckResult, Record, VariantResult
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import EVERYTHING, Selection
from adaptergen.verify.shipped.checks import ALL, SWEPT
from adaptergen.verify.shipped.oracle import distrust
from adaptergen.verify.shipped.subject import ShippedSubject
from adaptergen.verify.spelling import respelled
from adaptergen.verify.sweep import sweep
from adaptergen.verify.tiny import tiny_settings


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


def verify_shipped(
    architecture: str,
    overrides: Mapping[str, Any],
    progress: Callable[[str], None] = lambda line: None,
    select: Selection = EVERYTHING,
    with_variants: bool = False,
) -> Record:
    """Run the checks that need no spec on the adapter that TL ships for an architecture."""
    started = time.perf_counter()
    respelt = respelled(architecture, overrides, tiny_settings(architecture))
    subject = ShippedSubject(architecture, respelt)
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
    subject: ShippedSubject,
    results: Sequence[CheckResult],
    variants: Sequence[VariantResult],
    started: float,
) -> Record:
    name, seconds = subject.architecture, round(time.perf_counter() - started, 3)
    module, overrides = subject.module_path, subject.overrides
    return Record(name, name, module, overrides, tuple(results), seconds, variants=tuple(variants))
