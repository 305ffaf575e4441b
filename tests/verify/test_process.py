"""A task in a process of its own ends, and everything that it has started ends with it."""

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adaptergen.verify.process import Process
from adaptergen.verify.worker import Done
from tests.verify import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# For a machine that is busy with other tests.
PATIENCE = 60.0
ENDINGS = (
    (descendants.return_afterwards, "done"),
    (descendants.crash_afterwards, "the process ended with exit status 3, in started"),
    (descendants.hang_afterwards, "stopped after"),
)


def living(folder: Path) -> list[int]:
    """The processes that have noted their numbers in a folder and are there, zombies apart."""
    found = []
    for number in os.listdir(folder):
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            continue
        if state != "Z":
            found.append(int(number))
    return found


def ran(task: Any, folder: Path, seconds: float = 0, gigabytes: float = 0) -> Done:
    """The end of a task, whose process has been ended like everything that it has started."""
    process = Process(task, gigabytes, seconds, str(folder))
    try:
        until = time.monotonic() + PATIENCE
        while not (done := process.heard(lambda _: None)):
            assert time.monotonic() < until
            Process.wait([process])
        return done
    finally:
        process.end()


@pytest.mark.parametrize(("task", "told"), ENDINGS, ids=lambda case: getattr(case, "__name__", ""))
@pytest.mark.parametrize("way", descendants.WAYS, ids=lambda way: way.__name__)
def test_what_a_task_has_started_ends_with_it_in_whatever_way_each_does(
    tmp_path: Path, way: Any, task: Any, told: str
) -> None:
    notes, folder = tmp_path / "notes", tmp_path / "folder"
    notes.mkdir()
    folder.mkdir()
    done = ran(partial(task, way, str(notes)), folder, seconds=2)
    assert (done.result or done.stopped).startswith(told)
    assert os.listdir(notes)
    assert living(notes) == []
    assert os.listdir(folder) == []


def test_what_a_task_has_started_can_be_found_where_it_kills_its_supervisor(
    tmp_path: Path,
) -> None:
    from adaptergen.verify.process import end_all

    notes, folder = tmp_path / "notes", tmp_path / "folder"
    notes.mkdir()
    folder.mkdir()
    task = partial(
        descendants.kill_supervisor_afterwards, descendants.session_of_its_own, str(notes)
    )
    done = ran(task, folder)
    assert done.result == "unsupervised" or "SIGKILL" in done.stopped
    assert living(notes)
    end_all()
    assert living(notes) == []


def test_copy_of_a_task_that_comes_back_says_nothing(tmp_path: Path) -> None:
    notes, folder = tmp_path / "notes", tmp_path / "folder"
    notes.mkdir()
    folder.mkdir()
    heard: list[str] = []
    process = Process(partial(descendants.come_back_twice, str(notes)), 0, 0, str(folder))
    while not (done := process.heard(heard.append)):
        Process.wait([process])
    process.end()
    assert (done.result, heard) == ("the original", [])


@pytest.mark.parametrize(
    ("each", "told"),
    [(0.05, "done"), (0.3, "its 4 processes took more than 0.5 GB together")],
)
def test_memory_is_limited_of_all_processes_together(
    tmp_path: Path, each: float, told: str
) -> None:
    notes, folder = tmp_path / "notes", tmp_path / "folder"
    notes.mkdir()
    folder.mkdir()
    done = ran(partial(descendants.take_memory, 3, each, str(notes)), folder, gigabytes=0.5)
    assert done.result == told or done.stopped == told
    assert living(notes) == []
