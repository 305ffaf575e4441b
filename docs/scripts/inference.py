"""Measures `adaptergen infer` on every class that has a spec, and on synthetic ones: inference.md.

The spec of a class, and those that extend it, are hidden from the run that infers it. What is
inferred is compared with the hidden spec, or with the truth that a synthetic model was made from.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from adaptergen.spec.compare import semantic_differences
from adaptergen.spec.model import Spec
from docs.scripts import DOCS, ROOT
from docs.scripts.bundled import specs

PAGE = DOCS / "inference.md"
HEAD = DOCS / "inference.head.md"
# Why an inferred spec may say something else than the one written by hand.
EXPLANATIONS = DOCS / "inference.yaml"
SEEDS = range(50)


@dataclass(frozen=True)
class Case:
    """A model to infer: what to give `infer`, and the spec that it should come to."""

    name: str
    source: str
    wanted: Spec
    trusted: bool = False


@dataclass(frozen=True)
class Measured:
    """How one inference ended; `differences` are `facet: wanted, inferred`."""

    name: str
    proven: bool
    explained: bool
    extends: str
    differences: tuple[str, ...]
    unexplained: tuple[str, ...]
    seconds: float
    gigabytes: float


def bundled_cases() -> list[Case]:
    """Every class that has a spec."""
    return [Case(one.name, one.spec.architecture, one.spec) for one in specs()]


def synthetic_cases(seeds: Sequence[int], folder: Path) -> dict[str, list[Case]]:
    """Models drawn at random, as remote code in folders, by the style of the code."""
    from tests.infer.drawing import STYLES

    return {style: list(_of_style(style, seeds, folder)) for style in STYLES}


def _of_style(style: str, seeds: Sequence[int], folder: Path) -> Iterator[Case]:
    from tests.infer.variants import draw, model_type, truth, write

    for seed in seeds:
        variant = draw(seed, style)
        written = folder / model_type(variant)
        write(variant, written)
        wanted = Spec.model_validate(truth(variant))
        yield Case(written.name, str(written), wanted, trusted=True)


def measure(case: Case) -> Measured:
    """Infer in a process of its own, as a user would, from cold."""
    command = [sys.executable, "-m", "adaptergen", "infer", case.source, "--json", "--quiet"]
    command += ["--trust-remote-code"] if case.trusted else []
    started = time.monotonic()
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - started
    told: dict[str, Any] = json.loads(run.stdout or b"{}")
    found = told.get("spec")
    differences = [
        f"`{d.path}`: {d.left}, inferred {d.right}"
        for d in (semantic_differences(case.wanted, Spec.model_validate(found)) if found else ())
    ]
    return Measured(
        case.name,
        bool(told.get("proven")),
        bool(told.get("explained")),
        told.get("extends") or "",
        tuple(differences if found else ["no spec"]),
        tuple(told.get("reasons", ["infer ended without an answer"])),
        round(seconds, 1),
        told.get("gigabytes") or 0.0,
    )


def explanations() -> dict[str, str]:
    """Reasons for differences, by spec."""
    found: dict[str, str] = yaml.safe_load(EXPLANATIONS.read_text(encoding="utf-8")) or {}
    return found


def is_equal(found: Measured, reasons: dict[str, str]) -> bool:
    """Whether it is proven and says what was wanted, or something else for a known reason."""
    return found.proven and (not found.differences or found.name in reasons)


def page(bundled: Sequence[Measured], synthetic: Mapping[str, Sequence[Measured]]) -> str:
    """The text of inference.md; synthetic models by style."""
    reasons = explanations()
    drawn = [found for style in synthetic.values() for found in style]
    every = [*bundled, *drawn]
    numbers = {
        "share": _share(bundled, reasons),
        **{style: _share(measured, {}) for style, measured in synthetic.items()},
        "median": f"{statistics.median(found.seconds for found in every):.0f}",
        "slowest": f"{max(found.seconds for found in every):.0f}",
        "memory": f"{max(found.gigabytes for found in every):.1f}",
    }
    lines = [HEAD.read_text(encoding="utf-8").format(**numbers).rstrip(), ""]
    lines += ["| class of | extends | proven | differs | seconds | GiB |", f"|{'---|' * 6}"]
    lines += [_row(found, reasons) for found in bundled]
    odd = [found for found in drawn if not is_equal(found, {})]
    if odd:
        lines += ["", "## Synthetic models that are not inferred as they were made", ""]
        lines += [f"- {found.name}: {'; '.join(_complaints(found))}" for found in odd]
    return "\n".join(lines) + "\n"


def _share(measured: Sequence[Measured], reasons: dict[str, str]) -> str:
    equal = sum(is_equal(found, reasons) for found in measured)
    return f"{equal} of {len(measured)}"


def _row(found: Measured, reasons: dict[str, str]) -> str:
    differs = "; ".join(found.differences)
    if found.differences and found.name in reasons:
        differs += f". {reasons[found.name]}"
    proven = "yes" if found.explained else "with a part left to HF" if found.proven else "**no**"
    cells = (f"{found.name}", found.extends, proven, differs)
    return f"| {' | '.join(cells)} | {found.seconds:.0f} | {found.gigabytes:.1f} |"


def _complaints(found: Measured) -> list[str]:
    return [*found.differences, *found.unexplained[:2]]


def main() -> None:
    """Measure and write; what the records hold already stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--records", type=Path, default=ROOT / ".inference.json", metavar="FILE")
    arguments = parser.parse_args()
    known: dict[str, Measured] = {}
    if arguments.records.is_file():
        rows = json.loads(arguments.records.read_text(encoding="utf-8"))
        known = {row["name"]: _from_row(row) for row in rows}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        bundled, synthetic = bundled_cases(), synthetic_cases(SEEDS, Path(folder))
        drawn = [case for style in synthetic.values() for case in style]
        missing = [case for case in [*bundled, *drawn] if case.name not in known]
        for found in pool.map(measure, missing):
            known[found.name] = found
            text = json.dumps([asdict(one) for one in known.values()], indent=1)
            arguments.records.write_text(text, encoding="utf-8")
            print(found.name, found.seconds, *_complaints(found), file=sys.stderr, flush=True)
    of_styles = {style: [known[c.name] for c in cases] for style, cases in synthetic.items()}
    text = page([known[case.name] for case in bundled], of_styles)
    PAGE.write_text(text, encoding="utf-8")


def _from_row(row: dict[str, Any]) -> Measured:
    lists = {key: tuple(row[key]) for key in ("differences", "unexplained")}
    return Measured(**{**row, **lists})


if __name__ == "__main__":
    main()
