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
from typing import NamedTuple

from programs import Program, Runs, interleave

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
    return ", ".join(f"{ours.median / measured[peer].median:.2f} x {peer}" for peer in peers)


def small_builds(work: Path, rounds: int) -> list[Row]:
    """The two builds that a person waits for, beside tools that do something alike."""
    fresh, changed = project(work / "fresh"), project(work / "changed")
    program = [PEERS / "bin" / "adaptergen", "build"]
    specs = sorted((fresh / "specs").glob("*.yaml"))
    builds = [
        Program("fresh", program, fresh),
        Program("changed", program, changed, reword(changed / "specs" / "smollm3.yaml")),
    ]
    measured = interleave([*builds, *_tools(work, specs)], rounds, work / "bytecode")
    ours, one = measured["fresh"], measured["changed"]
    rows = [
        Row(
            f"nothing to do, {len(specs)} specs", milliseconds(ours), "<= 45 ms",
            judged(ours.median, 0.045, ours.least),
            beside(ours, measured, ["check-yaml", "yamllint"]),
        ),
        Row(
            "one spec changed", milliseconds(one), "<= 190 ms",
            judged(one.median, 0.190, one.least),
            beside(one, measured, ["black", "datamodel-code-generator"]),
        ),
    ]  # fmt: skip
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


def large_builds(work: Path, rounds: int) -> list[Row]:
    """How time and memory grow with the number of specs, all of them built from nothing."""
    program = [PEERS / "bin" / "adaptergen", "build"]
    folders = {count: project(work / f"of_{count}", count) for count in (1, FEW, MANY)}

    runs = itertools.count()

    def set_aside(folder: Path) -> Callable[[], object]:
        # Not deleted: ext4 is slow to create files for a while after many were deleted.
        output = folder / "generated"
        return lambda: output.exists() and output.rename(folder / f"generated_{next(runs)}")

    measured = interleave(
        [Program(str(n), program, folder, set_aside(folder)) for n, folder in folders.items()],
        rounds,
        work / "bytecode",
    )
    again = interleave([Program("again", program, folders[MANY])], rounds, work / "bytecode")
    one, few, many = (measured[str(count)] for count in folders)
    each = (many.median - one.median) / (MANY - 1)
    at_best = (many.least - one.least) / (MANY - 1)
    grown = many.megabytes / few.megabytes
    return [
        Row(
            "each further spec, cold", f"{each * 1e3:6.2f} ms  (min {at_best * 1e3:.2f})",
            "<= 2 ms", judged(each, 0.002, at_best),
        ),
        Row(
            f"{MANY:,} specs, cold", milliseconds(many), "<= 2,500 ms",
            judged(many.median, 2.5, many.least),
        ),
        Row(
            f"memory, {FEW} and {MANY:,} specs",
            f"{few.megabytes:6.0f} and {many.megabytes:.0f} MB", "flat: <= 1.5 x",
            judged(grown, 1.5),
        ),
        Row(f"{MANY:,} specs, nothing to do", milliseconds(again["again"])),
    ]  # fmt: skip


def with_torch(work: Path) -> list[Row]:
    """Verification and forward passes, in the environment that has torch."""
    program = Path(sys.executable).with_name("adaptergen")
    verified = interleave(
        [Program("verify", [program, "verify", "smollm3"], CHECKOUT)], 1, work / "bytecode"
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
    for run in ("forward", "run_with_cache"):
        ratio = inside[run]
        rows.append(
            Row(
                run,
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
    arguments = options.parse_args()
    load = os.getloadavg()[0]
    print(
        f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {load:.1f} at the start\n"
    )
    with tempfile.TemporaryDirectory(prefix="adaptergen-bench-") as folder:
        work = Path(folder)
        rows = small_builds(work, arguments.rounds)
        rows += large_builds(work, max(3, arguments.rounds // 5))
        rows += [] if arguments.no_torch else with_torch(work)
    show(rows)


if __name__ == "__main__":
    main()
