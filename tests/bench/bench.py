"""Measures the speed of adaptergen beside other tools, in one run: `make bench`.

Whole processes, warm, in turns. Bytecode is cached, as it is after any installation. What is judged
is the median. Where other programs disturb it, the fastest run shows what the machine can do: a
target that only it meets is "met at best".
"""

import argparse
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from programs import Program, Runs, interleave, run

CHECKOUT = Path(__file__).parents[2]
PEERS = CHECKOUT / ".bench"
VARIANT = """\
architecture: Variant{0}ForCausalLM
extends: llama
summary: Variant {0} of Llama, which skips rotation on some layers.
attention:
  rope: {{layers: {{flag: use_rope}}}}
"""
FEW, MANY = 100, 1000
RECORD = CHECKOUT / "docs" / "builds.json"


class Row(NamedTuple):
    """A line of the table: what was done, what it took, what it may take, and remarks."""

    work: str
    measured: str
    target: str = ""
    verdict: str = ""
    remark: str = ""


def project(folder: Path, specs: int = 0) -> Path:
    """A project in `folder`: the bundled specs, or so many variants of Llama."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[tool.adaptergen]\n")
    if not specs:
        shutil.copytree(CHECKOUT / "specs", folder / "specs")
        return folder
    (folder / "specs").mkdir()
    for number in range(specs):
        (folder / "specs" / f"variant_{number}.yaml").write_text(VARIANT.format(number))
    return folder


def reword(spec: Path) -> Callable[[], object]:
    """What changes a spec a little, differently each time."""
    lines = [line for line in spec.read_text().splitlines() if not line.startswith("summary:")]
    return lambda: spec.write_text(
        "\n".join([*lines, f"summary: Reworded as number {random.random()}.", ""])
    )


def milliseconds(runs: Runs) -> str:
    return f"{runs.median * 1e3:6.0f} ms  (min {runs.least * 1e3:.0f}, cpu {runs.cpu * 1e3:.0f})"


def judged(value: float, target: float, best: float | None = None) -> str:
    """Whether a target is met, by the median or at least by the fastest run."""
    if value <= target:
        return "met"
    return "met at best" if best is not None and best <= target else "MISSED"


def beside(ours: Runs, measured: dict[str, Runs], peers: Sequence[str]) -> str:
    """Our time as a multiple of each peer's; less than one is faster."""
    return ", ".join(f"{ours.times(measured[peer]):.2f} x {peer}" for peer in peers)


def small_builds(work: Path, rounds: int) -> dict[str, Runs]:
    """The two builds that a person waits for, beside tools that do something alike."""
    fresh, changed = project(work / "fresh"), project(work / "changed")
    program = [PEERS / "bin" / "adaptergen", "build"]
    specs = sorted((fresh / "specs").glob("*.yaml"))
    builds = [
        Program("fresh", program, fresh),
        Program("changed", program, changed, reword(changed / "specs" / "smollm3.yaml")),
    ]
    # Who builds for the first time notes what a build with nothing to do ends early by.
    run(builds[0], work / "bytecode")
    return interleave([*builds, *_tools(work, specs)], rounds, work / "bytecode")


def of_small_builds(measured: dict[str, Runs]) -> list[Row]:
    """What was measured of them, and whether the targets are met."""
    rows = []
    for name, work, target, peer, others in (
        ("fresh", "nothing to do", 3.0, "python", ["check-yaml", "yamllint"]),
        ("changed", "one spec changed", 1.0, "black", ["datamodel-code-generator"]),
    ):
        ours, theirs = measured[name], measured[peer]
        rows.append(
            Row(
                work, milliseconds(ours), f"<= {target} x {peer}",
                judged(ours.times(theirs), target, ours.least / theirs.least),
                beside(ours, measured, [peer, *others]),
            )
        )  # fmt: skip
    peers = [name for name in measured if name not in ("fresh", "changed")]
    return rows + [Row(f"  {peer}", milliseconds(measured[peer])) for peer in peers]


def _tools(work: Path, specs: Sequence[Path]) -> list[Program]:
    """What else checks, formats or generates files like ours."""
    module = CHECKOUT / "generated" / "smollm3.py"
    schema = CHECKOUT / "specs" / "schema.json"
    tools = PEERS / "bin"
    black = [tools / "black", "--quiet", "--line-length=100", work / "black.py"]

    def unformatted() -> None:
        (work / "black.py").write_text(module.read_text() + f"x = {{ {random.random()} }}\n")

    return [
        Program("python", [tools / "python", "-c", "pass"], work),
        Program("check-yaml", [tools / "check-yaml", *specs], work),
        Program("yamllint", [tools / "yamllint", *specs], work, statuses=frozenset({0, 1})),
        Program("black", black, work, unformatted),
        Program(
            "datamodel-code-generator",
            [tools / "datamodel-codegen", "--input", schema, "--input-file-type", "jsonschema",
             "--output", work / "models.py"],
            work,
        ),
    ]  # fmt: skip


def large_builds(work: Path, rounds: int) -> dict[str, Runs]:
    """How time and memory grow with the number of specs, all of them built from nothing."""
    program = [PEERS / "bin" / "adaptergen", "build"]
    folders = {count: project(work / f"of_{count}", count) for count in (1, FEW, MANY)}

    runs = itertools.count()

    def set_aside(folder: Path) -> Callable[[], object]:
        # Not deleted: ext4 is slow to create files for a while after many were deleted.
        output = folder / "generated"
        return lambda: output.exists() and output.rename(folder / f"generated_{next(runs)}")

    changed = project(work / "one_of_sixty")
    measured = interleave(
        [
            *(Program(str(n), program, at, set_aside(at)) for n, at in folders.items()),
            Program("changed", program, changed, reword(changed / "specs" / "smollm3.yaml")),
        ],
        rounds,
        work / "bytecode",
    )
    again = interleave([Program("again", program, folders[MANY])], rounds, work / "bytecode")
    return {**measured, **again}


def of_large_builds(measured: dict[str, Runs]) -> list[Row]:
    """What was measured of them, and whether the targets are met."""
    one, few, many = (measured[str(count)] for count in (1, FEW, MANY))
    changed = measured["changed"]
    each = (many.median - one.median) / (MANY - 1)
    at_best = (many.least - one.least) / (MANY - 1)
    return [
        Row("each further spec, cold", f"{each * 1e3:6.2f} ms  (min {at_best * 1e3:.2f})"),
        Row(
            f"{MANY:,} specs, cold", milliseconds(many), "<= 8 x one changed",
            judged(many.times(changed), 8, many.least / changed.least),
            f"{many.times(changed):.2f} x one changed of 60",
        ),
        Row(
            f"memory, {FEW} and {MANY:,} specs",
            f"{few.megabytes:6.0f} and {many.megabytes:.0f} MB", "flat: <= 1.5 x",
            judged(many.megabytes / few.megabytes, 1.5),
        ),
        Row(f"{MANY:,} specs, nothing to do", milliseconds(measured["again"])),
    ]  # fmt: skip


def record(small: dict[str, Runs], large: dict[str, Runs]) -> None:
    """Add what was measured at this commit to the record that docs/performance.md shows."""
    command = ["git", "rev-parse", "--short=7", "HEAD"]
    told = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True)
    row = {
        "commit": told.stdout.strip(),
        "fresh": [small["fresh"].median, small["python"].median],
        "changed": [small["changed"].median, small["black"].median],
        "cold": [large[str(MANY)].median, large["changed"].median],
        "megabytes": [large[str(MANY)].megabytes, large[str(FEW)].megabytes],
    }
    rows = [one for one in json.loads(RECORD.read_text()) if one["commit"] != row["commit"]]
    lines = ",\n".join(json.dumps(rounded(one)) for one in [*rows, row])
    RECORD.write_text(f"[\n{lines}\n]\n")


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """A row with no more digits than mean something."""
    return {
        key: [float(f"{one:.3g}") for one in value] if isinstance(value, list) else value
        for key, value in row.items()
    }


def with_torch(folder: Path) -> list[Row]:
    """Verification and forward passes, in the environment that has torch."""
    program = Path(sys.executable).with_name("adaptergen")
    verified = interleave(
        [Program("verify", [program, "verify", "smollm3"], CHECKOUT)], 1, folder / "bytecode"
    )["verify"]
    printed = subprocess.run(
        [sys.executable, Path(__file__).with_name("inside.py")], stdout=subprocess.PIPE, check=True
    ).stdout
    inside = json.loads(printed.splitlines()[-1])
    rows = [
        Row(
            "verify one architecture", f"{verified.median:6.1f} s", "<= 15 s",
            judged(verified.median, 15), "imports included",
        ),
        Row(
            "verify once more, in one process", f"{inside['warm']:6.1f} s", "<= 5 s",
            judged(inside["warm"], 5),
        ),
    ]  # fmt: skip
    for work in ("forward", "run_with_cache"):
        ratio = inside[work]
        rows.append(
            Row(
                work,
                f"{ratio:6.2f} x",
                "<= 1.0 x",
                judged(ratio, 1.02),
                "TL's own SmolLM3 adapter = 1; 0.02 is noise",
            )
        )
    return rows


def show(rows: Sequence[Row]) -> None:
    table = [(r.work, r.measured, r.target, r.verdict, r.remark) for r in rows]
    widths = [max(len(line[column]) for line in table) for column in range(4)]
    for line in table:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        print("  ".join([*cells, line[4]]).rstrip())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=20, help="runs of each small build")
    options.add_argument("--no-torch", action="store_true", help="leave out what needs torch")
    options.add_argument(
        "--record", action="store_true", help="add the figures to docs/builds.json"
    )
    arguments = options.parse_args()
    load = os.getloadavg()[0]
    print(
        f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {load:.1f} at the start\n"
    )
    with tempfile.TemporaryDirectory(prefix="adaptergen-bench-") as folder:
        work = Path(folder)
        small = small_builds(work, arguments.rounds)
        large = large_builds(work, max(3, arguments.rounds // 5))
        if arguments.record:
            record(small, large)
        rows = of_small_builds(small) + of_large_builds(large)
        rows += [] if arguments.no_torch else with_torch(work)
    show(rows)


if __name__ == "__main__":
    main()
