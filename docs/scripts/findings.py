"""Writes findings.md: what the adapters that TransformerLens ships do wrong, measured anew.

The numbers are measured; causes.yaml holds what a person found out about them. Whatever no cause
there matches is listed as unexplained.
"""

import argparse
import json
import multiprocessing
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from docs.scripts import DOCS, ROOT
from docs.scripts.bundled import specs

LIMIT = 600.0
# In float32 with weights of this size.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Cause:
    """A defect, or what looks like one; `settings`, `checks`, `text` say which findings are its.

    None of the architectures in `but` is. The `command` that shows it is made of the first of them.
    """

    title: str
    cause: str
    architectures: tuple[str, ...] = ("*",)
    but: tuple[str, ...] = ()
    settings: tuple[str, ...] = ("*",)
    checks: tuple[str, ...] = ("*",)
    text: str = "*"
    defect: bool = True
    command: str = ""

    def explains(self, architecture: str, finding: dict[str, Any]) -> bool:
        """Whether a finding is a consequence of it."""
        return (
            _any(architecture, self.architectures)
            and not _any(architecture, self.but)
            and _any(finding["setting"], self.settings)
            and _any(finding["check"], self.checks)
            and fnmatchcase(finding["message"], f"*{self.text}*")
        )


def _any(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


Row = tuple[str, dict[str, Any]]


def architectures() -> list[str]:
    """Decoder-only classes of transformers that TransformerLens has an adapter for."""
    import transformers
    from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES
    from transformers.models.auto import modeling_auto

    names: set[str] = set()
    for value in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        names.update([value] if isinstance(value, str) else value)
    others = ("ForConditionalGeneration", "BertLMHeadModel")
    found = [n for n in names if n in SUPPORTED_ARCHITECTURES and hasattr(transformers, n)]
    return sorted(n for n in found if not n.endswith(others))


def measure(names: Sequence[str], folder: Path, jobs: int) -> None:
    """Survey each architecture in a process of its own; what is in the folder already stays.

    Raises:
        SystemExit: once all others are done, if surveys failed: the page would lack them.
    """
    waiting = [name for name in names if not (folder / f"{name}.json").exists()]
    context = multiprocessing.get_context("fork")
    import adaptergen.verify.shipped.survey  # noqa: F401  once, before the processes part

    with context.Pool(jobs, maxtasksperchild=1) as pool:
        runs = {name: pool.apply_async(_survey, (name,)) for name in waiting}
        failed = []
        for number, (name, run) in enumerate(runs.items(), 1):
            try:
                found = run.get(timeout=LIMIT)
            except Exception as error:
                failed.append(f"the survey of {name} failed: {error!r}")
                continue
            (folder / f"{name}.json").write_text(json.dumps(found, indent=1, default=str))
            print(f"{number}/{len(runs)} {name}: {len(found['findings'])}", flush=True)
    if failed:
        raise SystemExit("\n".join(failed))


def _survey(name: str) -> dict[str, Any]:
    from adaptergen.verify.shipped.survey import survey

    return asdict(survey(name))


def page(surveys: Sequence[dict[str, Any]], causes: Sequence[Cause], versions: str) -> str:
    """The text of findings.md."""
    rows: dict[int, list[Row]] = {}
    surveys = [_confirmed(survey) for survey in surveys]
    ran = [survey for survey in surveys if not survey["distrust"]]
    for survey in ran:
        for finding in survey["findings"]:
            name = survey["architecture"]
            which = (i for i, cause in enumerate(causes) if cause.explains(name, finding))
            rows.setdefault(next(which, -1), []).append((name, finding))
    defects = [i for i in rows if i >= 0 and causes[i].defect]
    silent = [i for i in defects if any(_silent(finding) for _, finding in rows[i])]
    settings = sum(survey["tried"] - survey["refused"] for survey in ran)
    lines = [
        (DOCS / "findings.head.md")
        .read_text(encoding="utf-8")
        .format(
            versions=versions,
            architectures=len(ran),
            settings=settings,
            defects=len(defects),
            silent=len(silent),
        )
    ]
    lines.append("| # | defect | adapters | silent |\n|---|---|---|---|")
    for number, i in enumerate(sorted(defects), 1):
        hit = {name for name, _ in rows[i]}
        told = "yes" if i in silent else "no"
        lines.append(f"| {number} | {causes[i].title} | {len(hit)} | {told} |")
    for number, i in enumerate(sorted(defects), 1):
        heading = ["", f"## {number}. {causes[i].title}", "", causes[i].cause, ""]
        command = causes[i].command or _command(rows[i])
        lines += [*heading, f"    {command}", "", *_table(rows[i])]
    lines += ["", "## Differences that are no defects", ""]
    for i in sorted(i for i in rows if i >= 0 and not causes[i].defect):
        lines += [f"### {causes[i].title}", "", causes[i].cause, "", *_table(rows[i]), ""]
    if -1 in rows:
        lines += ["## Unexplained", "", *_table(rows[-1]), ""]
    return "\n".join([*lines, *_rest(surveys, rows)]) + "\n"


def _confirmed(survey: dict[str, Any]) -> dict[str, Any]:
    """Without what float32 does not show: users would not meet it, and the oracle may be at fault.

    Nor with what is no larger than rounding.
    """
    kept, doubtful = [], list(survey.get("skipped", []))
    for finding in survey.get("findings", []):
        if _seen_in_float32(finding["in_float32"]):
            kept.append(finding)
        elif finding["worst"] is None or finding["worst"] > _ROUNDING:
            where = finding["setting"] or "the tiny model as it is"
            doubtful.append([finding["check"], f"`{where}`: in float64 only; {finding['message']}"])
    return {**survey, "findings": kept, "skipped": doubtful}


def _seen_in_float32(told: str) -> bool:
    try:
        return float(told) > _ROUNDING
    except ValueError:
        return told != "passed"


def _rest(surveys: Sequence[dict[str, Any]], rows: dict[int, list[Row]]) -> Iterator[str]:
    hit = {name for found in rows.values() for name, _ in found}
    right = [s for s in surveys if not s["distrust"] and s["architecture"] not in hit]
    yield "## Nothing found"
    yield ""
    yield ", ".join(f"{s['architecture']} ({s['tried'] - s['refused']})" for s in right) + "."
    yield ""
    yield "In brackets: how many settings HF accepted."
    yield ""
    yield "## Not verified, or not in every respect"
    yield ""
    for survey in surveys:
        if survey["distrust"]:
            yield f"- {survey['architecture']}: {survey['distrust']}"
        for check, reason in survey.get("skipped", []):
            yield f"- {survey['architecture']}, {check}: {reason}"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """One row for each architecture and check, with the first setting and how many more."""
    yield "| adapter | setting | check | float64 | float32 | |"
    yield "|---|---|---|---|---|---|"
    more = Counter((name, finding["check"]) for name, finding in rows)
    seen: set[tuple[str, str]] = set()
    for name, finding in rows:
        key = (name, finding["check"])
        if key in seen:
            continue
        seen.add(key)
        setting = finding["setting"].replace("|", "\\|") or "the tiny model as it is"
        others = f" and {more[key] - 1} more" if more[key] > 1 else ""
        loud = "silent" if _silent(finding) else "loud"
        yield (
            f"| {name} | `{setting}`{others} | {finding['check']} | {_measured(finding)} "
            f"| {finding['in_float32']} | {loud} |"
        )


@cache
def _described() -> set[str]:
    """The architectures that have a spec."""
    return {name for loaded in specs() for name in loaded.spec.architectures}


def _command(rows: Sequence[Row]) -> str:
    """The command that shows a defect."""
    # A spec that knows the defect has the check skipped.
    name, finding = min(rows, key=lambda row: row[0] in _described())
    changes = filter(None, finding["setting"].split(", "))
    # As `--set` has it, which reads YAML.
    written = (change.replace("=None", "=null") for change in changes)
    options = "".join(f" --set {shlex.quote(change)}" for change in written)
    return f"adaptergen verify --adapter transformer_lens:{name}{options} --only {finding['check']}"


def _measured(finding: dict[str, Any]) -> str:
    if finding["worst"] is not None:
        return f"{float(finding['worst']):.1e}"
    message: str = finding["message"]
    _, _, off = message.partition("off by ")
    if off:
        return off
    reason = message.partition("failed: ")[2] or message
    return reason[:110].replace("|", "\\|")


def _silent(finding: dict[str, Any]) -> bool:
    """Whether wrong numbers come out; otherwise an exception does."""
    said = finding["message"]
    return (
        finding["worst"] is not None
        or "off by" in said
        or "is continued" in said
        or "HF only" in said
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--surveys", type=Path, default=ROOT / ".findings", metavar="DIR")
    arguments = parser.parse_args()
    arguments.surveys.mkdir(exist_ok=True)
    names = architectures()
    measure(names, arguments.surveys, arguments.jobs)
    found = [json.loads((arguments.surveys / f"{name}.json").read_text()) for name in names]
    data = yaml.safe_load((DOCS / "causes.yaml").read_text(encoding="utf-8"))
    causes = TypeAdapter(list[Cause]).validate_python(data)
    from adaptergen.verify.record import versions

    shown = {k: v for k, v in versions().items() if k in ("transformer_lens", "transformers")}
    text = ", ".join(f"{library} {version}" for library, version in shown.items())
    (DOCS / "findings.md").write_text(page(found, causes, text), encoding="utf-8")


if __name__ == "__main__":
    main()
