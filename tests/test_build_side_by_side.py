"""Builds of one folder at the same time: one works, the others wait and find everything fresh."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adaptergen.cli import main
from tests.building import OTHER, TINY, snapshot

STATES = ("nothing is there", "a parent changed", "a spec is gone", "a spec is new", "all is fresh")


def at_once(count: int, folder: Path, *arguments: str) -> list[subprocess.CompletedProcess[str]]:
    """So many builds, started at the same moment."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    # Each waits for the end of its input after it has imported everything.
    program = (
        "import sys; from adaptergen.cli import main; import adaptergen.commands.build\n"
        "sys.stdin.read(); sys.exit(main(['build', *sys.argv[1:]]))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments], cwd=folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(count)
    ]  # fmt: skip
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said = [process.communicate() for process in processes]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *texts)
        for process, texts in zip(processes, said, strict=True)
    ]


def change(project: Path, state: str, number: int) -> None:
    specs, output = project / "specs", project / "generated"
    if state == "nothing is there":
        for path in [*output.glob("*"), output]:
            path.unlink() if path.is_file() else path.rmdir()
    elif state == "a parent changed":
        (specs / "tiny.yaml").write_text(TINY.replace("A tiny", f"Decoder {number}, a tiny"))
    elif state == "a spec is gone":
        (specs / "other.yaml").unlink(missing_ok=True)
    elif state == "a spec is new":
        (specs / "other.yaml").write_text(OTHER)


def round_of(count: int, project: Path, state: str, number: int) -> None:
    change(project, state, number)
    ended = at_once(count, project)
    assert [done.returncode for done in ended] == [0] * count, [done.stderr for done in ended]
    wrote = sum("wrote" in done.stdout or "removed" in done.stdout for done in ended)
    assert wrote <= 1, [done.stdout for done in ended]
    assert main(["build", "--check", "--render"]) == 0
    # What one build alone makes, and nothing else.
    together = snapshot(project / "generated")
    assert main(["build", "--out", "alone"]) == 0
    alone = snapshot(project / "alone")
    assert together == alone
    assert sorted(path.name for path in (project / "generated").iterdir()) == sorted(alone)


@pytest.mark.parametrize("state", STATES)
def test_of_builds_side_by_side_one_works_and_all_end_well(built: Path, state: str) -> None:
    round_of(4, built, state, 1)


@pytest.mark.exhaustive
@pytest.mark.full
def test_twenty_builds_at_once_fifty_times(built: Path) -> None:
    for number, state in zip(range(50), itertools.cycle(STATES), strict=False):
        round_of(20, built, state, number)


def test_checks_beside_builds_never_see_half_of_one(built: Path) -> None:
    for number in range(3):
        change(built, "a parent changed", number)
        building = subprocess.Popen(
            [sys.executable, "-m", "adaptergen", "build"], cwd=built, stdout=subprocess.DEVNULL
        )
        while building.poll() is None:
            done = at_once(1, built, "--check")[0]
            stale = [line for line in done.stdout.splitlines() if line.startswith("stale")]
            # All of what the change made stale, or nothing.
            assert len(stale) in (0, 2), done.stdout
        assert building.returncode == 0
