"""Locks on folders: who has one, who waits, and what is left."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adaptergen import lock
from adaptergen.errors import Unusable
from adaptergen.lock import Lock

HOLD = """
import sys, time
from adaptergen.lock import Lock
with Lock(sys.argv[1], share=len(sys.argv) > 2):
    print("held", flush=True)
    time.sleep(60)
"""


class Holder:
    """Another process that holds a folder's lock."""

    def __init__(self, folder: Path, *share: str) -> None:
        command = [sys.executable, "-c", HOLD, str(folder), *share]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_PATIENCE", 2)


def take(
    folder: Path, told: list[str], *, share: bool = False, after: Holder | None = None
) -> None:
    """Take a lock; who is told to wait has its holder killed."""

    def waiting() -> None:
        told.append("waiting")
        if after:
            after.kill()

    with Lock(str(folder), share=share, waiting=waiting):
        told.append("held")


@pytest.mark.parametrize("share", [False, True])
def test_second_waits_is_told_so_and_goes_on_when_the_first_is_killed(
    tmp_path: Path, impatient: None, share: bool
) -> None:
    told: list[str] = []
    take(tmp_path, told, share=share, after=Holder(tmp_path))
    assert told == ["waiting", "held"]


def test_readers_share_and_a_writer_waits_for_them(tmp_path: Path, impatient: None) -> None:
    reader, told = Holder(tmp_path, "share"), []
    take(tmp_path, told, share=True)
    assert told == ["held"]
    take(tmp_path, told, after=reader)
    assert told == ["held", "waiting", "held"]


def test_folder_is_made_for_who_writes_and_gone_again_if_nothing_was_written(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "a" / "b"
    with Lock(str(folder)):
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []
    with Lock(str(folder)):
        (folder / "x").touch()
    assert (folder / "x").exists()
    with Lock(str(tmp_path / "c"), share=True):
        assert not (tmp_path / "c").exists()


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(Unusable, match=r"file/a cannot be made: Not a directory"),
        Lock(str(tmp_path / "file" / "a")),
    ):
        pass


@pytest.mark.parametrize("kind", ["file", "dangling"])
def test_what_is_no_folder_is_left_to_others_to_report(tmp_path: Path, kind: str) -> None:
    if kind == "file":
        (tmp_path / "x").touch()
    else:
        (tmp_path / "x").symlink_to("nowhere")
    with Lock(str(tmp_path / "x")), Lock(str(tmp_path / "x"), share=True):
        pass


def _hold_and_rename(folder: str, aside: str) -> None:
    with Lock(folder):
        print("held")
        os.rename(folder, aside)
        time.sleep(0.3)


def test_lock_is_on_the_folder_that_is_there_when_its_turn_comes(tmp_path: Path) -> None:
    folder, aside = tmp_path / "x", tmp_path / "aside"
    folder.mkdir()
    first = multiprocessing.get_context("spawn").Process(
        target=_hold_and_rename, args=(str(folder), str(aside))
    )
    first.start()
    while not aside.exists():
        time.sleep(0.01)
    with Lock(str(folder)):
        # A lock on the folder that was set aside would keep nobody away from this one.
        assert folder.is_dir()
        (folder / "y").touch()
    first.join()
    assert [path.name for path in folder.iterdir()] == ["y"]


def test_where_there_are_no_locks_the_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(held: int, how: int) -> None:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(lock.fcntl, "flock", unsupported)
    told: list[str] = []
    take(tmp_path, told)
    assert told == ["held"]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="this system has no such file system")
@pytest.mark.parametrize("folder", ["/proc/x", "/proc/self/x/y"])
def test_folder_where_none_can_be_made_is_refused(folder: str) -> None:
    with pytest.raises(Unusable, match=f"{folder} cannot be made: No such file"), Lock(folder):
        pass
