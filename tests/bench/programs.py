"""Runs whole programs and measures them from outside."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """One run of a program: seconds on the clock and on the processor, and peak memory."""

    wall: float
    cpu: float
    megabytes: float


class Runs(list[Run]):
    """Several runs of one program."""

    @property
    def median(self) -> float:
        return statistics.median(run.wall for run in self)

    def times(self, other: "Runs") -> float:
        """How many times the other's seconds they take, in the median of runs side by side."""
        return statistics.median(a.wall / b.wall for a, b in zip(self, other, strict=True))

    @property
    def least(self) -> float:
        return min(run.wall for run in self)

    @property
    def cpu(self) -> float:
        """The least processor time: what another program's load disturbs least."""
        return min(run.cpu for run in self)

    @property
    def megabytes(self) -> float:
        return statistics.median(run.megabytes for run in self)


class Program(NamedTuple):
    """A command in a folder, and what is done before each run of it."""

    name: str
    command: Sequence[object]
    folder: Path
    prepare: Callable[[], object] = lambda: None
    statuses: frozenset[int] = frozenset({0})


def run(program: Program, bytecode: Path) -> Run:
    """Run a program once, with Python's bytecode cached in a folder of the benchmark's own."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    environment["XDG_CACHE_HOME"] = str(bytecode)
    program.prepare()
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in program.command], cwd=program.folder, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, waited, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(waited)
    if process.returncode not in program.statuses:
        raise SystemExit(f"{program.name} ended with {process.returncode}: {program.command}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def interleave(programs: Sequence[Program], rounds: int, bytecode: Path) -> dict[str, Runs]:
    """Run all programs in turns, so that a busy moment hits all of them; first runs warm up."""
    for program in programs:
        run(program, bytecode)
    measured = {program.name: Runs() for program in programs}
    for _ in range(rounds):
        for program in programs:
            measured[program.name].append(run(program, bytecode))
    return measured
