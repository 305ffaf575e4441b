"""Records as one HTML page that needs nothing else: no network, no fonts, no server."""

import base64
import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import jinja2

from adaptergen.errors import shown_path
from adaptergen.verify.causes import Diagnosis, common, diagnose
from adaptergen.verify.record import (
    CheckResult,
    LayerFacts,
    Record,
    Status,
    VariantResult,
    worst_of,
)
from adaptergen.verify.table import in_errors

_FOLDER = os.path.join(os.path.dirname(__file__), "html")
# The colours of the heat map go from one to the other.
_FAINTEST, _STRONGEST = -16, 0


def page(records: Sequence[Record], *, complete: bool = True) -> str:
    """The page; `complete` is false if the run was interrupted."""
    script = _read("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    cards = sorted(map(Card, records), key=lambda card: _URGENCY.index(card.verdict))
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            cards=cards,
            verdicts=[(word, sum(card.verdict == word for card in cards)) for word in VERDICTS],
            common=[one.said(len(records)) for one in common(records)],
            versions=records[0].versions if records else {},
            complete=complete,
            style=_read("style.css"),
            script=script,
            script_hash=f"sha256-{digest}",
            short=short,
            shown_path=shown_path,
            in_errors=in_errors,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        # Messages quote whatever a module under test says.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _read(name: str) -> str:
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        return file.read()


VERDICTS = ("verified", "failed", "stopped")
# What is wrong is shown before what is right.
_URGENCY = ("failed", "stopped", "verified")


@dataclass(frozen=True)
class Cell:
    """A difference in the heat map: `heat` from 0 to 1 on a log scale, None for exactly equal."""

    value: float
    tolerance: float

    @property
    def text(self) -> str:
        """As short as can be: 3e-7."""
        return short(self.value)

    @property
    def heat(self) -> float | None:
        """How strong the colour is."""
        if not self.value:
            return None
        magnitude = _STRONGEST if math.isinf(self.value) else math.log10(self.value)
        share = (magnitude - _FAINTEST) / (_STRONGEST - _FAINTEST)
        return round(min(1.0, max(0.0, share)), 2)

    @property
    def excessive(self) -> bool:
        """Whether it is above the check's tolerance."""
        return self.value > self.tolerance


@dataclass(frozen=True)
class Row:
    """A check in the heat map, one cell per column, None where it measured nothing."""

    result: CheckResult
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Card:
    """One architecture, as the page shows it."""

    record: Record

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`."""
        if self.record.stopped:
            return "stopped"
        return "verified" if self.record.passed else "failed"

    @property
    def searched(self) -> str:
        """The text that the search looks at: names, the verdict, and what failed."""
        record = self.record
        words = [record.spec, record.architecture, self.verdict, record.stopped]
        words += [f"{result.check} {result.message}" for result in record.failures]
        words += [f"{result.check} known failure" for result in record.known]
        words += [v.setting for v in record.variants if v.status is Status.FAILED]
        words += [mutant.name for mutant in record.mutants if not mutant.expected]
        return " ".join(words).lower()

    @property
    def counts(self) -> list[tuple[str, str]]:
        """The numbers of the headline, each with what it counts."""
        record = self.record
        passed = sum(r.status is Status.PASSED for r in record.ran)
        found = [(f"{passed}/{len(record.ran)}", "checks")] if record.ran else []
        if record.known:
            found.append((str(len(record.known)), "known"))
        if record.variants:
            agree = sum(v.status is Status.PASSED for v in record.tried)
            found.append((f"{agree}/{len(record.tried)}", "variants"))
        if record.mutants:
            expected = sum(mutant.expected for mutant in record.mutants)
            found.append((f"{expected}/{len(record.mutants)}", "mutants"))
        if record.worst is not None:
            found.append((short(record.worst), "worst"))
        errors = worst_of(record.ran, relative=True)
        if errors is not None:
            found.append((f"{in_errors(errors)} x", "rounding"))
        return [*found, (f"{record.seconds:.1f} s", "time")]

    @property
    def diagnosis(self) -> Diagnosis:
        """Faults, causes first."""
        return diagnose(self.record)

    @property
    def strips(self) -> dict[str, dict[str, list[tuple[str, bool, bool]]]]:
        """Per-layer policies, as claimed and as probed: text, emphasis, disagreement per layer."""
        layers = self.record.layers
        if not layers:
            return {}
        return {
            "rotary": {
                "claimed": [_rope(layer, layer.rotates_claimed) for layer in layers],
                "probed": [_rope(layer, layer.rotates_found) for layer in layers],
            },
            "window": {
                "claimed": [_window(layer, layer.window_claimed) for layer in layers],
                "probed": [_window(layer, layer.window_found) for layer in layers],
            },
        }

    @property
    def columns(self) -> list[int | None]:
        """The columns of the heat map: None for the model as a whole, then its layers."""
        measured = (result for result in self.record.results if not result.relative)
        found = {layer for result in measured for layer, _ in result.by_layer}
        numbered = sorted(layer for layer in found if layer is not None)
        return [*([None] if None in found else []), *numbered]

    @property
    def rows(self) -> list[Row]:
        """The checks that measure differences, but for those in units of HF's rounding error."""
        columns = self.columns
        rows = []
        for result in self.record.results:
            values = dict(result.by_layer)
            tolerance = result.tolerance or 0.0
            cells = [Cell(values[c], tolerance) if c in values else None for c in columns]
            if values and not result.relative:
                rows.append(Row(result, tuple(cells)))
        return rows

    @property
    def rounding(self) -> list[CheckResult]:
        """The checks that measure in units of HF's rounding error."""
        return [r for r in self.record.results if r.relative and r.worst is not None]

    @property
    def variants(self) -> list[VariantResult]:
        """Other configs, those that say the most first."""
        order = [Status.FAILED, Status.KNOWN, Status.SKIPPED, Status.PASSED]
        return sorted(self.record.variants, key=lambda variant: order.index(variant.status))

    @property
    def killers(self) -> list[str]:
        """The checks that killed a mutant, in the order of the battery."""
        found = {check for mutant in self.record.mutants for check in mutant.killed_by}
        known = [result.check for result in self.record.results if result.check in found]
        return known + sorted(found - set(known))


def _rope(layer: LayerFacts, rotates: bool) -> tuple[str, bool, bool]:
    disagree = layer.rotates_claimed != layer.rotates_found
    return ("RoPE" if rotates else "NoPE", rotates, disagree)


def _window(layer: LayerFacts, tokens: int | None) -> tuple[str, bool, bool]:
    disagree = layer.window_claimed != layer.window_found
    return ("all" if tokens is None else str(tokens), tokens is not None, disagree)


def short(value: float) -> str:
    """A difference in few characters: 3e-7, 0, ∞."""
    if not value:
        return "0"
    if math.isinf(value):
        return "∞"
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    return f"{mantissa}e{int(exponent)}" if int(exponent) else mantissa
