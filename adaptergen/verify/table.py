"""Shows records as a table in a terminal."""

from collections import Counter
from collections.abc import Sequence

from adaptergen.report import visible
from adaptergen.verify.record import CheckResult, Record, Status

_COLUMNS = ("architecture", "group", "checks", "worst difference", "verdict")
_SHOWN_FACTS = 3
_SURVIVED = "SURVIVED: no check noticed, a hole in the battery"
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


def _rows(record: Record) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for group, results in record.groups.items():
        worst = [r.worst for r in results if r.worst is not None]
        shown = f"{max(worst):.1e}" if worst else ""
        name = "" if rows else record.spec
        rows.append((name, group, _counted(results), shown, _judged(results)))
    return rows or [(record.spec, "", "", "", "STOPPED")]


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
    paint = (
        _RED if verdict.isupper() or "FAILED" in verdict else _GREEN if verdict == "ok" else _DIM
    )
    return f"{paint}{text}{_RESET}"


def _verdict(record: Record, colour: bool) -> list[str]:
    """The verdict in a sentence, then each failed check with its first problems."""
    ran = len(record.ran)
    name = f"{record.spec} ({record.architecture})"
    failures = record.failures
    if record.stopped:
        said = f"not verified, {visible(record.stopped)}"
    elif failures:
        said = f"{len(failures)} of {ran} checks failed, {record.module}"
    elif record.passed:
        said = f"verified, {ran} checks"
    else:
        said = f"not verified, {ran} checks passed, {record.module}"
    lines = [_painted(f"{name}: {said}", "ok" if record.passed else "FAILED", colour)]
    for result in failures:
        if not result.problems[0].follows:
            lines += _explained(result)
    return [*lines, *_consequences(failures), *_variants(record), *_mutants(record)]


def _variants(record: Record) -> list[str]:
    """Other configs in one line, then those that failed."""
    if not record.variants:
        return []
    counts = Counter(variant.status for variant in record.variants)
    # Of a known limit of TransformerLens, which is skipped, the difference is none of ours.
    worst = max((v.worst for v in record.tried if v.worst is not None), default=0.0)
    agree = f"{counts[Status.PASSED]} of {len(record.tried)} agree with HF"
    summary = f"  variants: {agree}, worst {worst:.1e}"
    if counts[Status.SKIPPED]:
        summary += f"; {counts[Status.SKIPPED]} skipped"
    failed = [v for v in record.variants if v.status is Status.FAILED]
    return [summary, *(f"  {v.setting}: {visible(v.message)}" for v in failed)]


def _mutants(record: Record) -> list[str]:
    """Deliberate mistakes in one line, then those that did not end as the spec says."""
    if record.unmutated:
        return [f"  mutants: none made, {visible(record.unmutated)}"]
    if not record.mutants:
        return []
    killed = sum(bool(mutant.killed_by) for mutant in record.mutants)
    summary = f"  mutants: {killed} of {len(record.mutants)} killed"
    listed = sum(m.expected and not m.killed_by for m in record.mutants)
    summary += f"; {listed} equivalent, as the spec says" if listed else ""
    lines = [summary]
    for mutant in record.mutants:
        if not mutant.expected:
            killers = ", ".join(mutant.killed_by)
            said = f"killed by {killers}, though listed as equivalent" if killers else _SURVIVED
            lines.append(f"  {mutant.name}: {said} ({visible(mutant.description)})")
    return lines


def _explained(result: CheckResult) -> list[str]:
    # Differences mostly follow from the first one; facts stand for themselves.
    shown = result.problems[: _SHOWN_FACTS if result.worst is None else 1]
    lines = [f"  {result.check}: {visible(problem.message)}" for problem in shown]
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
