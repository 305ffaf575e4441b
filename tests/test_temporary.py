"""Folders for temporary files that take none are named, before the work and during it."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adaptergen.cli import main
from adaptergen.errors import Unusable
from adaptergen.temporary import WITH_SOCKETS, refuse_full, temporary_folder
from adaptergen.verify.check import Check
from adaptergen.verify.running import run_checks
from tests.building import TINY
from tests.conftest import Run
from tests.verify.started import Started

locks = pytest.mark.skipif(sys.platform == "win32", reason="folders are not locked there")
VERIFY = [sys.executable, "-m", "adaptergen", "verify", "llama", "--only"]


@pytest.fixture
def no_default(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Python has not chosen a folder yet."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("name", ["TMPDIR", "TEMP"])
@pytest.mark.parametrize(
    ("folder", "reason"), [("gone", "No such file or directory"), ("file", "Not a directory")]
)
def test_folder_that_python_would_silently_pass_over_is_named(
    tmp_path: Path, no_default: pytest.MonkeyPatch, name: str, folder: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    no_default.setenv(name, str(tmp_path / folder))
    with pytest.raises(Unusable) as caught, temporary_folder():
        pass
    assert str(caught.value) == (
        f"{name}={tmp_path / folder} takes no temporary files: {reason};"
        " set TMPDIR to another folder"
    )


def test_folder_whose_path_no_socket_can_have_is_named(
    tmp_path: Path, no_default: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    no_default.setenv("TMPDIR", str(deep))
    with pytest.raises(Unusable, match="its path is too long"), temporary_folder(WITH_SOCKETS):
        pass
    assert os.listdir(deep) == []


def test_folder_is_gone_afterwards(no_default: pytest.MonkeyPatch) -> None:
    with temporary_folder() as folder:
        Path(folder, "file").write_text("text")
    assert not os.path.exists(folder)


OWNER = """
import os, sys, tempfile
from pathlib import Path
from adaptergen.temporary import temporary_folder
with temporary_folder() as folder:
    Path(folder, "inside").mkdir()
    Path(folder, "inside", "file").touch()
    print(folder, flush=True)
    if sys.argv[1] == "end":
        os._exit(137)
    sys.stdin.read()
"""


def owner(how: str, folder: Path) -> subprocess.Popen[str]:
    """A process that has a temporary folder, and ends as if killed, or waits."""
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, how], env={**os.environ, "TMPDIR": str(folder)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


# multiprocessing forgets in a forked process what its parent has to do at its end.
FORKING = """
import multiprocessing, os
from contextlib import ExitStack
from multiprocessing import util
from adaptergen.temporary import temporary_folder

def keep():
    ours = ExitStack()
    folder = ours.enter_context(temporary_folder())
    util.Finalize(None, ours.close, exitpriority=-200)
    return folder

folder = keep()
child = multiprocessing.get_context("fork").Process(target=os.getpid)
child.start()
child.join()
print(os.path.isdir(folder), folder)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_forked_process_removes_nothing_of_the_one_that_it_is_of(
    tmp_path: Path, no_default: pytest.MonkeyPatch
) -> None:
    no_default.setenv("TMPDIR", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, check=True
    )  # fmt: skip
    still, folder = done.stdout.split()
    assert still == "True"
    assert not os.path.exists(folder)


@locks
def test_next_run_removes_what_one_that_was_killed_has_left_and_nothing_else(
    tmp_path: Path, no_default: pytest.MonkeyPatch
) -> None:
    no_default.setenv("TMPDIR", str(tmp_path))
    # First the one that lasts: it would remove what the other has left.
    waiting = owner("wait", tmp_path)
    assert waiting.stdout
    used = waiting.stdout.readline()
    left, _ = owner("end", tmp_path).communicate()
    assert os.path.exists(left.strip())
    others = ["adaptergen~", "adaptergen~0123456", "adaptergen~notebook", "adaptergen-01234567"]
    for name in others:
        (tmp_path / name).mkdir(0o700)
    # Of the right name, but made otherwise.
    (tmp_path / "adaptergen~01234567").mkdir(0o755)
    (tmp_path / "adaptergen~89abcdef").touch()
    (tmp_path / "adaptergen~76543210").symlink_to(tmp_path / "adaptergen~notebook")
    before = sorted(os.listdir(tmp_path))
    with temporary_folder():
        pass
    assert sorted({*before} - {os.path.basename(left.strip())}) == sorted(os.listdir(tmp_path))
    waiting.communicate()
    assert not os.path.exists(used.strip())


@locks
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="gives folders away")
def test_folder_of_another_user_is_left_alone(
    tmp_path: Path, no_default: pytest.MonkeyPatch
) -> None:
    no_default.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "adaptergen~01234567").mkdir(0o700)
    os.chown(tmp_path / "adaptergen~01234567", 12345, 12345)
    with temporary_folder():
        pass
    assert os.listdir(tmp_path) == ["adaptergen~01234567"]


@locks
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGQUIT])
def test_build_removes_what_a_verification_that_was_killed_has_left(
    project: Path, tmp_path: Path, no_default: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    started = Started(project, "llama", TMPDIR=str(folder))
    started.wait_for_imports()
    started.process.send_signal(number)
    started.process.communicate()
    assert started.none_left()
    assert os.listdir(folder)
    (project / "specs" / "tiny.yaml").write_text(TINY)
    no_default.setenv("TMPDIR", str(folder))
    assert main(["build"]) == 0
    assert os.listdir(folder) == []
    folder.rmdir()


def test_where_no_folder_takes_files_a_build_says_so(
    run: Run, project: Path, no_default: pytest.MonkeyPatch
) -> None:
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in [...]")

    no_default.setattr(tempfile, "gettempdir", none)
    (project / "specs" / "tiny.yaml").write_text(TINY)
    outcome = run("build")
    assert outcome.status == 2
    assert outcome.err == (
        "adaptergen: no folder takes temporary files; set TMPDIR to one that does\n"
    )
    assert not (project / "generated").exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "x"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        # As safetensors has it.
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_check_that_finds_no_room_says_nothing_of_the_adapter(error: Exception) -> None:
    def examine(subject: object) -> Iterator[object]:
        raise error
        yield

    class Subject:
        tolerance, known, module_path = 1e-9, {}, ""

    check = Check("checkpoint.logits", "", "", 1e-9, examine)  # type: ignore[arg-type]
    with pytest.raises(Unusable, match="takes no temporary files"):
        run_checks(Subject(), [check])  # type: ignore[arg-type]


def test_other_errors_are_those_of_the_adapter() -> None:
    refuse_full(ValueError("no space"))
    refuse_full(OSError(errno.ENOENT, "No such file or directory"))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    mount = shutil.which("mount") or "mount"
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if done.returncode:
        folder.rmdir()
        pytest.skip("file systems can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
@pytest.mark.parametrize(("filled", "where"), [(2**20, "TMPDIR="), (7 * 2**17, "")])
def test_full_folder_is_named_in_one_line(
    project: Path, small: Path, filled: int, where: str
) -> None:
    (small / "filler").write_bytes(b" " * filled)
    environment = {**os.environ, "TMPDIR": str(small)}
    done = subprocess.run(
        [*VERIFY, "checkpoint.*", "--quiet"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"adaptergen: {where}{small}")
    assert line.endswith(
        "takes no temporary files: No space left on device; set TMPDIR to another folder"
    )
    assert os.listdir(small) == ["filler"]
