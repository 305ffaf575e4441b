"""A build that is killed: every file is whole, git sees nothing else, and the next build repairs.

Python tells before it makes, renames or removes a file; there the process ends, as if killed.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.building import OTHER, replace, snapshot

KILLED = """
import os, sys
from adaptergen.cli import main
left = int(sys.argv[1])
output = os.path.abspath("generated")
EVENTS = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.chmod", "os.symlink"}
def look(event, arguments):
    global left
    if event == "open":
        mode, flags = arguments[1:]
        counts = bool(flags & (os.O_WRONLY | os.O_RDWR))
    else:
        counts = event in EVENTS
    if counts and str(arguments[0]).startswith((output, "/proc/self/fd")):
        left -= 1
        if left == 0:
            os._exit(137)
sys.addaudithook(look)
sys.exit(main(["build"]))
"""
STOPPED = "note: a build was stopped while it replaced files: this one brings all up to date\n"
# Steps of the build below, at most.
STEPS = 40


def prepare(built: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """A project with changed, new and superfluous modules, in git, and its modules as they are.

    Returns them as they should be, too.
    """
    git(built, "init", "--quiet")
    git(built, "add", "-A")
    old = snapshot(built / "generated")
    replace(built / "specs" / "tiny.yaml", "A tiny", "The tiny")
    (built / "specs" / "third.yaml").write_text(OTHER.replace("Other", "Third"))
    (built / "specs" / "other.yaml").unlink()
    build(built, "--out", "should")
    new = snapshot(built / "should")
    for name in new:
        (built / "should" / name).unlink()
    (built / "should").rmdir()
    return old, new


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.excludesFile=", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def build(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adaptergen", "build", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def look_after(
    built: Path, old: Mapping[str, bytes], new: Mapping[str, bytes], step: object
) -> None:
    """What must hold after a kill, and after the build that follows."""
    output = built / "generated"
    now = {path.name: path.read_bytes() for path in output.glob("*") if path.is_file()}
    for name, data in now.items():
        assert data in (old.get(name), new.get(name)), (step, name)
    assert old.keys() & new.keys() <= now.keys(), step
    seen = git(built, "status", "--porcelain", "--untracked-files=all", "generated").splitlines()
    allowed = {f"generated/{name}" for name in {*old, *new}}
    assert {line[3:] for line in seen} <= allowed, step
    mixed = now not in (old, new)
    repaired = build(built)
    assert not mixed or repaired.stderr == STOPPED, (step, repaired.stderr)
    assert repaired.stderr in ("", STOPPED), step
    assert snapshot(output) == new, step
    assert sorted(path.name for path in output.iterdir()) == sorted(new), step
    assert build(built).stderr == "", step


def kill_at(built: Path, step: int) -> bool:
    """Run a build that ends at a step; whether it has so many."""
    command = [sys.executable, "-c", KILLED, str(step)]
    done = subprocess.run(command, cwd=built, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 137), done.stderr
    return done.returncode == 137


def restore(built: Path, old: Mapping[str, bytes]) -> None:
    for path in (built / "generated").iterdir():
        path.unlink()
    for name, data in old.items():
        (built / "generated" / name).write_bytes(data)


def test_build_that_was_killed_is_told_of_and_repaired(built: Path) -> None:
    old, new = prepare(built)
    mixed = 0
    for step in (3, 7, 11, 14):
        restore(built, old)
        assert kill_at(built, step), step
        mixed += snapshot(built / "generated") not in (old, new)
        look_after(built, old, new, step)
    assert mixed


def test_repair_that_is_killed_too_is_told_of_by_the_next(built: Path) -> None:
    old, new = prepare(built)
    for step in range(1, 8):
        restore(built, old)
        assert kill_at(built, 11)
        assert snapshot(built / "generated") not in (old, new)
        assert kill_at(built, step)
        look_after(built, old, new, step)


def test_kill_while_the_schema_is_replaced_leaves_nothing_beside_it(built: Path) -> None:
    left = built / "specs" / f".adaptergen-{'ab' * 16}"
    left.mkdir()
    (left / ".gitignore").write_text("*\n")
    assert build(built).stderr == STOPPED
    assert not left.exists()
    assert build(built).stderr == ""


def test_check_after_a_kill_says_so_and_removes_nothing(built: Path, run) -> None:
    prepare(built)
    assert kill_at(built, 11)
    (left,) = (built / "generated").glob(".adaptergen-*")
    outcome = run("build", "--check")
    assert outcome.status == 1
    assert f"stale: generated/{left.name} (left by a build that was stopped)" in outcome.out
    assert left.exists()
    repaired = run("build")
    assert (repaired.status, repaired.err) == (0, STOPPED)
    assert run("build", "--check").status == 0


@pytest.mark.full
def test_build_killed_at_each_step_is_repaired(built: Path) -> None:
    old, new = prepare(built)
    for step in range(1, STEPS):
        restore(built, old)
        if not kill_at(built, step):
            assert step > 12
            return
        look_after(built, old, new, step)
    raise AssertionError("the build has more steps than are tried")


@pytest.mark.exhaustive
@pytest.mark.full
def test_build_killed_at_any_moment_is_repaired(built: Path) -> None:
    old, new = prepare(built)
    start = time.perf_counter()
    build(built, "--out", "timed")
    takes = time.perf_counter() - start
    drawn = random.Random(0)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    for number in range(500):
        restore(built, old)
        command = [sys.executable, "-m", "adaptergen", "build"]
        process = subprocess.Popen(
            command, cwd=built, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        # Most of what can go wrong does so at the end.
        time.sleep(takes * drawn.triangular(0, 1.1, 0.9))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        look_after(built, old, new, number)
