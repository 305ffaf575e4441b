"""Files as strangers may have them: pipes, devices, folders, links that lead nowhere, gigabytes."""

import os
import tracemalloc
from pathlib import Path

import pytest

from adaptergen.errors import Failure
from adaptergen.language.files import SPEC_LIMIT, find_spec, read_bytes
from tests.building import TINY
from tests.conftest import Run

pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


def refusal(path: Path | str, limit: int = 100) -> str:
    with pytest.raises(Failure) as refused:
        read_bytes(str(path), limit)
    (mistake,) = refused.value.diagnostics
    return mistake.message


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_regular_file_is_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\r\n" * (size // 2) + b"\x1a" * (size % 2))
    assert read_bytes(str(path), 100) == path.read_bytes()


def test_link_to_a_regular_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    assert read_bytes(str(tmp_path / "link")) == b"text"


def test_file_that_is_too_long_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        # Takes no room on the disk.
        file.truncate(2**36)
    tracemalloc.start()
    try:
        assert refusal(path) == "cannot be read: it has more than 100 bytes"
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pipes
def test_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "cannot be read: it is no regular file"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no such device")
def test_device_that_never_ends_is_refused(tmp_path: Path) -> None:
    assert refusal("/dev/zero") == "cannot be read: it is no regular file"
    (tmp_path / "link").symlink_to("/dev/zero")
    assert refusal(tmp_path / "link") == "cannot be read: it is no regular file"


@pytest.mark.skipif(os.name == "nt", reason="a folder cannot be opened there")
def test_folder_is_called_one(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "cannot be read: it is a folder"


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing") == "cannot be read: No such file or directory"


@pipes
@pytest.mark.parametrize("link", [True, False])
def test_parent_that_cannot_be_read_does_not_give_way_to_another(
    tmp_path: Path, link: bool
) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
    (other / "llama.yaml").write_text("x")
    if link:
        (own / "llama.yaml").symlink_to("nowhere")
    else:
        os.mkfifo(own / "llama.yaml")
    assert find_spec("llama", [str(own), str(other)]) == str(own / "llama.yaml")


@pipes
@pytest.mark.parametrize(
    "command", ["build", "build --check", "build specs/pipe.yaml", "show specs/pipe.yaml", "list"]
)
def test_every_command_names_the_pipe_among_specs(project: Path, run: Run, command: str) -> None:
    os.mkfifo(project / "specs" / "pipe.yaml")
    outcome = run(*command.split())
    assert outcome.status == 1
    assert "specs/pipe.yaml: cannot be read: it is no regular file" in outcome.err


def test_spec_that_is_too_long_is_refused_unparsed(project: Path, run: Run) -> None:
    (project / "specs" / "tiny.yaml").write_text(TINY + "# long\n" * (SPEC_LIMIT // 7))
    outcome = run("build")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "specs/tiny.yaml: cannot be read: it has more than 262,144 bytes\n"
