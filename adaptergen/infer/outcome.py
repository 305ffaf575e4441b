"""An inference for people and for programs: the spec, a table, what is left to explain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from adaptergen.infer.finding import Finding
from adaptergen.infer.parents import Parent, nearest
from adaptergen.infer.prose import child, in_words_of, summary
from adaptergen.infer.run import Inference
from adaptergen.infer.text import flow, spec_text
from adaptergen.language.written import written
from adaptergen.report import visible
from adaptergen.spec.load import LoadedSpec
from adaptergen.spec.model import Spec
from adaptergen.verify.record import checks_in_words

_SHOWN_PARENTS = 5
_VALUE_WIDTH = 56
_HEADER = ("facet", "value", "evidence", "confidence")
# What no model says without a tokenizer.
_ASSUMED = "no tokenizer was looked at"


@dataclass(frozen=True)
class Outcome:
    """An inference, and the parents that its spec could have, nearest first."""

    inference: Inference
    spec: Spec
    parents: Sequence[Parent]

    @property
    def parent(self) -> Parent:
        """The parent that leaves the least to say."""
        return self.parents[0]

    @property
    def text(self) -> str:
        """The spec's file, each line with its evidence."""
        return spec_text(child(self.parent, self.spec), self.inference.findings.evidence())


def outcome(inference: Inference, candidates: Sequence[LoadedSpec]) -> Outcome | None:
    """The outcome of an inference, given the specs that it may extend; None without a spec."""
    if inference.spec is None:
        return None
    spec = inference.spec.model_copy(update={"summary": summary(inference.spec)})
    parents = [p for loaded in candidates for p in nearest(_target(loaded, spec), [loaded])]
    found = {parent.name: parent for parent in [*parents, *nearest(written(spec), [])]}
    return Outcome(inference, spec, sorted(found.values(), key=lambda parent: parent.rank))


def _target(loaded: LoadedSpec, spec: Spec) -> dict[str, Any]:
    target: dict[str, Any] = written(in_words_of(loaded, spec))
    return target


def table(inference: Inference) -> str:
    """A row for each facet: its value, the evidence, and whether it is proven."""
    rows = [_HEADER, *map(_row, _told(inference))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    return "".join(_line(row, widths) for row in rows)


def _told(inference: Inference) -> Iterator[Finding]:
    proven = inference.proven
    for finding in inference.findings:
        yield (
            finding if proven else Finding(finding.path, finding.value, finding.evidence, "assumed")
        )
    for key, value in (("prepend_bos", True), ("padding_side", "right")):
        yield Finding(f"tokenizer.{key}", value, _ASSUMED, "assumed")


def _row(finding: Finding) -> tuple[str, ...]:
    value = visible(flow(finding.value))
    short = value if len(value) <= _VALUE_WIDTH else f"{value[: _VALUE_WIDTH - 3]}..."
    return finding.path, short, visible(finding.evidence), finding.confidence


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip() + "\n"


def verdict(inference: Inference) -> str:
    """How it ended, what is not explained, and what is lost where attention is left to HF."""
    name = inference.architecture
    checks = checks_in_words(inference.results)
    lines = []
    if inference.explained:
        lines.append(f"{name}: proven, {checks}")
    elif inference.proven:
        lines.append(f"{name}: not fully explained; with a part left to HF proven, {checks}")
        for reason, cost in inference.left_to_hf.made:
            lines += [f"  {visible(reason)}", f"    the cost: {cost}"]
    else:
        lines.append(f"{name}: not fully explained")
        lines += [f"  {visible(text)}" for text in inference.reasons]
    return "\n".join(lines) + "\n"


def explained_parents(found: Outcome) -> str:
    """The nearest parents, with how much each leaves to say."""
    rows = [
        (parent.name or "(none)", str(parent.size)) for parent in found.parents[:_SHOWN_PARENTS]
    ]
    width = max(len(name) for name, _ in rows)
    return "".join(f"  {name.ljust(width)}  {size} values differ\n" for name, size in rows)


def as_tree(inference: Inference, found: Outcome | None) -> dict[str, Any]:
    """Everything for programs, as JSON has it."""
    return {
        "architecture": inference.architecture,
        "proven": inference.proven,
        "explained": inference.explained,
        "conceded": [{"reason": r, "cost": cost} for r, cost in inference.left_to_hf.made],
        "unexplained": inference.unexplained,
        "reasons": inference.reasons,
        "spec": written(found.spec) if found else None,
        "extends": found.parent.name or None if found else None,
        "parents": [{"name": p.name or None, "differences": p.size} for p in found.parents]
        if found
        else [],
        "findings": [
            {"facet": f.path, "value": f.value, "evidence": f.evidence, "confidence": f.confidence}
            for f in _told(inference)
        ],
        "checks": {result.check: result.status.value for result in inference.results},
    }
