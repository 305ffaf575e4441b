"""Shows records: as a table for people, as JSON for programs."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from adaptergen.verify.record import CheckResult, Record, Status

_COLUMNS = ("architecture", "group", "checks", "worst difference", "verdict")
_SHOWN_FACTS = 3
_GREEN, _RED, _DIM, _RESET = "\033[32m", "\033[31m", "\033[2m", "\033[0m"


def table(records: Sequence[Record], colour: bool = False) -> str:
    """One row per architecture and group; below it, everything that failed."""
    rows = [row for record in records for row in _rows(record)]
    widths = [max(len(row[i]) for row in [_COLUMNS, *rows]) for i in range(len(_COLUMNS))]
    lines = [_line(_COLUMNS, widths), _line(["-" * width for width in widths], widths)]
    lines += [_painted(_line(row, widths), row[-1], colour) for row in rows]
    for record in records:
        lines += ["", *_verdict(record, colour)]
    return "\n".join(lines) + "\n"


def to_json(records: Sequence[Record]) -> str:
    """A list of records, with the numbers of every check. Infinity becomes text."""
    return json.dumps([_plain(asdict(record)) for record in records], indent=2, allow_nan=False)


def _rows(record: Record) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for group, results in record.groups.items():
        worst = [r.worst for r in results if r.worst is not None]
        shown = f"{max(worst):.1e}" if worst else ""
        name = "" if rows else record.spec
        rows.append((name, group, _counted(results), shown, _judged(results)))
    return rows


def _counted(results: Sequence[CheckResult]) -> str:
    skipped = sum(r.status is Status.SKIPPED for r in results)
    ran = str(len(results) - skipped)
    return f"{ran}, {skipped} skipped" if skipped else ran


def _judged(results: Sequence[CheckResult]) -> str:
    statuses = {r.status for r in results}
    if Status.FAILED in statuses:
        return f"{sum(r.status is Status.FAILED for r in results)} FAILED"
    return "ok" if Status.PASSED in statuses else "skipped"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _painted(text: str, verdict: str, colour: bool) -> str:
    if not colour:
        return text
    paint = _RED if "FAILED" in verdict else _GREEN if verdict == "ok" else _DIM
    return f"{paint}{text}{_RESET}"


def _verdict(record: Record, colour: bool) -> list[str]:
    """The verdict in a sentence, then each failed check with its first problems."""
    ran = [r for r in record.results if r.status is not Status.SKIPPED]
    name = f"{record.spec} ({record.architecture})"
    if record.passed:
        return [_painted(f"{name}: verified, {len(ran)} checks", "ok", colour)]
    failures = record.failures
    title = f"{name}: {len(failures)} of {len(ran)} checks failed, {record.module}"
    lines = [_painted(title, "FAILED", colour)]
    for result in failures:
        if not result.problems[0].follows:
            lines += _explained(result)
    return lines + _consequences(failures)


def _explained(result: CheckResult) -> list[str]:
    # Differences mostly follow from the first one; facts stand for themselves.
    shown = result.problems[: _SHOWN_FACTS if result.worst is None else 1]
    lines = [f"  {result.check}: {problem.message}" for problem in shown]
    more = len(result.problems) - len(shown)
    return [*lines, f"  {result.check}: and {more} more"] if more else lines


def _consequences(failures: Sequence[CheckResult]) -> list[str]:
    """One line per cause, with the checks that failed because of it."""
    causes: dict[str, list[str]] = {}
    for result in failures:
        first = result.problems[0]
        if first.follows:
            causes.setdefault(first.follows, []).append(f"{result.check} {first.difference:.1e}")
    return [f"  following from {cause}: {', '.join(found)}" for cause, found in causes.items()]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
