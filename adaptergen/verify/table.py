"""Shows records as a table in a terminal."""

from collections import Counter
from collections.abc import Sequence

from adaptergen.errors import shown_path
from adaptergen.report import visible
from adaptergen.verify.causes import Diagnosis, common, diagnose, over_layers
from adaptergen.verify.record import (
    CheckResult,
    Problem,
    Record,
    Status,
    checks_in_words,
    worst_of,
)

_COLUMNS = ("architecture", "group", "checks", "worst difference", "verdict")
_SHOWN_FACTS = 3
# Checks that are named before the rest is counted.
_SHOWN_CHECKS = 5
_SURVIVED = "SURVIVED: no check noticed, a hole in the battery"
_GREEN, _RED, _DIM, _RESET = "\033[32m", "\033[31m", "\033[2m", "\033[0m"


def table(records: Sequence[Record], colour: bool = False) -> str:
    """One row per architecture and group; below it, everything that failed.

    What several architectures have in common comes before it, what is right before what is wrong,
    and last how many are.
    """
    rows = [row for record in records for row in _rows(record)]
    widths = [max(len(row[i]) for row in [_COLUMNS, *rows]) for i in range(len(_COLUMNS))]
    lines = _in_common(records)
    lines += [_line(_COLUMNS, widths), _line(["-" * width for width in widths], widths)]
    lines += [_painted(_line(row, widths), row[-1], colour) for row in rows]
    for record in sorted(records, key=lambda record: not record.passed):
        lines += ["", *_verdict(record, colour)]
    lines += _summary(records)
    return "\n".join(lines) + "\n"


def _rows(record: Record) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for group, results in record.groups.items():
        name = "" if rows else record.spec
        rows.append((name, group, _counted(results), _worst(results), _judged(results)))
    return rows or [(record.spec, "", "", "", "STOPPED")]


def _in_common(records: Sequence[Record]) -> list[str]:
    """Checks that fail in more than one architecture, a line for each."""
    found = common(records)
    lines = [visible(one.said(len(records))) for one in found[:_SHOWN_CHECKS]]
    if len(found) > _SHOWN_CHECKS:
        lines.append(f"and {len(found) - _SHOWN_CHECKS} more checks in several architectures")
    return [*lines, ""] if lines else []


def _summary(records: Sequence[Record]) -> list[str]:
    """How many architectures are verified, and which are not."""
    if len(records) < 2:
        return []
    wrong = [record.spec for record in records if not record.passed]
    right = f"{len(records) - len(wrong)} of {len(records)} verified"
    return ["", f"{right}; not {', '.join(wrong)}" if wrong else right]


def _worst(results: Sequence[CheckResult]) -> str:
    """The largest difference; that in units of HF's error only where there is no other."""
    worst = worst_of(results, relative=False)
    if worst is not None:
        return f"{worst:.1e}"
    errors = worst_of(results, relative=True)
    return "" if errors is None else f"{in_errors(errors)} x HF's error"


def in_errors(value: float) -> str:
    """A difference in units of HF's rounding error."""
    return f"{value:.1f}" if value < 1000 else f"{value:.0e}"


def _counted(results: Sequence[CheckResult]) -> str:
    counts = Counter(result.status for result in results)
    said = str(counts[Status.PASSED] + counts[Status.FAILED])
    for status, word in ((Status.KNOWN, "known"), (Status.SKIPPED, "skipped")):
        said += f", {counts[status]} {word}" if counts[status] else ""
    return said


def _judged(results: Sequence[CheckResult]) -> str:
    statuses = {r.status for r in results}
    if Status.FAILED in statuses:
        return f"{sum(r.status is Status.FAILED for r in results)} FAILED"
    if Status.PASSED in statuses:
        return "ok"
    return "known failure" if Status.KNOWN in statuses else "skipped"


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
    """The verdict in a sentence, then what is wrong, causes first."""
    checks = checks_in_words(record.results)
    name = f"{record.spec} ({record.architecture})"
    if record.stopped:
        said = f"not verified, {visible(record.stopped)}"
        if record.stopped.startswith("stopped after"):
            said += "; `--timeout SECONDS` allows more, 0 any time"
    elif record.failures:
        said = f"{checks}, {shown_path(record.module)}"
    elif record.passed:
        said = f"verified, {checks}"
    else:
        said = f"not verified, {checks} passed, {shown_path(record.module)}"
    lines = [_painted(f"{name}: {said}", "ok" if record.passed else "FAILED", colour)]
    lines += _diagnosis(diagnose(record))
    # After what is wrong: of these the spec knows.
    lines += [f"  {result.check}: {visible(result.message)}" for result in record.known]
    return [*lines, *_variants(record), *_mutants(record)]


def _variants(record: Record) -> list[str]:
    """Other configs in one line, then those that failed."""
    if record.unjudged:
        plural = "" if len(record.unjudged) == 1 else "s"
        text = f"{len(record.unjudged)} limit{plural} not judged, `--variants` does so"
        return [f"  variants: {text} ({visible(_named(record.unjudged))})"]
    if not record.variants:
        return []
    counts = Counter(variant.status for variant in record.variants)
    # Of a known limit of TransformerLens the difference is none of ours.
    worst = max((v.worst for v in record.tried if v.worst is not None), default=0.0)
    agree = f"{counts[Status.PASSED]} of {len(record.tried)} agree with HF"
    summary = f"  variants: {agree}, worst {worst:.1e}"
    known = [variant.setting for variant in record.variants if variant.status is Status.KNOWN]
    if known:
        plural = "" if len(known) == 1 else "s"
        summary += f"; {len(known)} known failure{plural} ({visible(_named(known))})"
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


def _diagnosis(found: Diagnosis) -> list[str]:
    """Causes, each with its check, then what follows from them in one line."""
    causes = list(found.checks.items())
    lines = [line for check in causes[:_SHOWN_CHECKS] for line in _explained(*check)]
    if len(causes) > _SHOWN_CHECKS:
        lines.append(f"  and in {_named([check for check, _ in causes[_SHOWN_CHECKS:]])}")
    following = list(found.following)
    if following:
        lines.append(f"  following from {found.divergence}: {_named(following)}")
    if causes:
        lines.append(f"  `adaptergen explain {causes[0][0]}` says what that check proves, and how")
    return lines


def _explained(check: str, problems: Sequence[Problem]) -> list[str]:
    # Differences mostly follow from the first one; facts stand for themselves.
    facts = problems[0].difference is None
    said = over_layers(problems)
    shown = said[: _SHOWN_FACTS if facts else 1]
    lines = [f"  {check}: {visible(text)}" for text in shown]
    more = len(said) - len(shown)
    return [*lines, f"  {check}: and {more} more"] if more else lines


def _named(checks: Sequence[str]) -> str:
    """The first few of them, and how many more."""
    more = len(checks) - _SHOWN_CHECKS
    return ", ".join(checks[:_SHOWN_CHECKS]) + (f", and {more} more" if more > 0 else "")
