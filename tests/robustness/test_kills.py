"""Builds and verifications that end at any moment lose nothing and leave nothing behind.

Builds that are killed outright are in tests/test_build_killed.py.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.building import TINY
from tests.conftest import Run
from tests.test_build_killed import STOPPED
from tests.verify.started import EARLIER, Started, heed_interrupts, write_three

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
REQUESTS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SIGNALS = (signal.SIGKILL, signal.SIGKILL, *REQUESTS)
ROUNDS = 250
BUILD = [sys.executable, "-m", "adaptergen", "build"]
# What a run that is to end may end with: before it heeds signals, and after that.
ENDS = {*(-number for number in SIGNALS), *(128 + number for number in REQUESTS)}


def seeds(few: int) -> list[object]:
    """As many as there are rounds: a few as they are, the others with a mark."""
    marks = [pytest.mark.full, pytest.mark.exhaustive]
    return [*range(few), *(pytest.param(seed, marks=marks) for seed in range(few, ROUNDS))]


def starting(err: str) -> bool:
    """Whether Python itself was interrupted, before it ran a line of ours."""
    return "KeyboardInterrupt" in err and "adaptergen" not in err


class Ended(NamedTuple):
    """A run that was asked to end, or made to."""

    status: int
    out: str
    err: str


def ended(project: Path, delay: float, how: signal.Signals) -> Ended:
    """A build that gets a signal after so many seconds."""
    run = subprocess.Popen(
        BUILD, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_interrupts,
    )  # fmt: skip
    time.sleep(delay)
    run.send_signal(how)
    out, err = run.communicate()
    return Ended(run.returncode, out, err)


def write_specs(project: Path, word: str) -> None:
    """Specs that make other modules than with another word, one of them for this word alone."""
    for number in range(4):
        text = TINY.replace("A tiny", f"{word} tiny").replace("TinyFor", f"Tiny{number}For")
        (project / "specs" / f"spec{number}.yaml").write_text(text)
    for path in (project / "specs").glob("only*.yaml"):
        path.unlink()
    (project / "specs" / f"only_{word.lower()}.yaml").write_text(
        TINY.replace("A tiny", f"{word} tiny").replace("TinyFor", f"{word}For")
    )


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """What is built of each word's specs."""
    made = {}
    for word in ("One", "Other"):
        project = tmp_path_factory.mktemp(word)
        (project / "specs").mkdir()
        write_specs(project, word)
        subprocess.run(BUILD, cwd=project, check=True, capture_output=True)
        made[word] = contents(project)
    return made


def contents(project: Path) -> dict[str, bytes]:
    """The modules of a project."""
    return {path.name: path.read_bytes() for path in (project / "generated").glob("*.py")}


@pytest.mark.parametrize("seed", seeds(5))
def test_build_that_is_asked_to_end_at_any_moment_has_written_all_or_nothing(
    project: Path, words: dict[str, dict[str, bytes]], seed: int
) -> None:
    chance = random.Random(seed)
    write_specs(project, "One")
    began = time.monotonic()
    subprocess.run(BUILD, check=True, capture_output=True)
    took = time.monotonic() - began
    write_specs(project, "Other")
    # More often than not while it writes, which it does last.
    delay = took * chance.choice((chance.uniform(0, 1.2), chance.uniform(0.6, 1.1)))
    run = ended(project, delay, chance.choice(REQUESTS))
    # It may have been done.
    assert run.status in {0, *ENDS} or starting(run.err), run
    assert "Traceback" not in run.err or starting(run.err), run
    found = contents(project)
    assert found == words["Other"] or (run.status and found == words["One"])
    after = subprocess.run(BUILD, check=False, capture_output=True, text=True)
    assert (after.returncode, after.stderr) in ((0, ""), (0, STOPPED))
    assert contents(project) == words["Other"]
    assert sorted(path.name for path in (project / "generated").iterdir()) == sorted(words["Other"])


MODULE = """
import os, subprocess, sys, time
subprocess.Popen(["sleep", "600"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
while True:
    time.sleep(1)
"""


@pytest.mark.parametrize("seed", seeds(3))
def test_verification_that_ends_at_any_moment_leaves_no_process_and_no_part_of_a_report(
    project: Path, run: Run, seed: int
) -> None:
    write_three(project)
    assert run("build").status == 0
    for name in ("b", "c"):
        with (project / "generated" / f"{name}.py").open("a") as module:
            module.write(MODULE)
    report = project / "report.json"
    report.write_text(EARLIER["report.json"])
    temporary = Path(tempfile.mkdtemp(dir="/tmp"))
    chance = random.Random(seed)
    how, times = chance.choice(SIGNALS), chance.choice((1, 2))
    # Terminals send signals to all processes in the foreground, other programs to one.
    send = chance.choice((os.kill, os.killpg))
    arguments = ("--jobs", "2", "--json", "report.json")
    started = Started(project, *arguments, TMPDIR=str(temporary))
    time.sleep(chance.uniform(0, 12))
    for _ in range(times):
        send(started.process.pid, how)
        time.sleep(chance.uniform(0, 0.3))
        if started.process.poll() is not None:
            break
    _, err = started.process.communicate()
    assert started.process.returncode in ENDS or starting(err), err
    assert "Traceback" not in err or starting(err), err
    assert started.none_left()
    text = report.read_text()
    assert text == EARLIER["report.json"] or json.loads(text)["records"]
    if how == signal.SIGKILL:
        # Whoever is killed outright cannot remove them, and whatever is run next does.
        environment = {**os.environ, "TMPDIR": str(temporary)}
        subprocess.run([*BUILD, "--force"], check=True, capture_output=True, env=environment)
    left = [path for path in temporary.iterdir() if not path.name.startswith("torchinductor")]
    assert left == []
    shutil.rmtree(temporary)
