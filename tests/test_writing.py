"""Several files written as one."""

import os
import stat
from pathlib import Path

import pytest

from adaptergen.errors import Unusable
from adaptergen.writing import abandoned, clear, write_all


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_texts_are_written_with_unix_line_endings_in_utf8(tmp_path: Path) -> None:
    write_all({str(tmp_path / "new" / "a.py"): "é\n"})
    assert (tmp_path / "new" / "a.py").read_bytes() == b"\xc3\xa9\n"
    assert names(tmp_path) == ["a.py", "new"]


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    target = tmp_path / "target.py"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "link.py"
    link.symlink_to(target)
    write_all({str(link): "new"})
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_removal_is_undone_when_a_later_write_fails(tmp_path: Path, monkeypatch) -> None:
    gone, kept = tmp_path / "gone.py", tmp_path / "kept.py"
    gone.write_text("gone")
    kept.write_text("kept")
    actual = os.replace

    def refuse(source: str, target: str) -> None:
        if target == str(kept):
            raise OSError(28, "No space left on device")
        actual(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(Unusable, match=r"kept\.py cannot be written: No space left on device"):
        write_all({str(gone): None, str(kept): "new"})
    assert (gone.read_text(), kept.read_text()) == ("gone", "kept")
    assert names(tmp_path) == ["gone.py", "kept.py"]


def test_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unusable, match=r"file/a\.py cannot be written"):
        write_all({str(tmp_path / "file" / "a.py"): "x"})
    assert names(tmp_path) == ["file"]


def test_link_is_replaced_and_not_followed_where_that_is_asked_for(tmp_path: Path) -> None:
    target, link = tmp_path / "target.py", tmp_path / "link.py"
    target.write_text("old")
    link.symlink_to(target)
    write_all({str(link): "new"}, follow=False)
    assert not link.is_symlink()
    assert (target.read_text(), link.read_text()) == ("old", "new")


def test_link_that_was_replaced_or_removed_is_put_back(tmp_path: Path, monkeypatch) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.symlink_to("nowhere")
    two.symlink_to("elsewhere")
    actual = os.replace
    monkeypatch.setattr(os, "replace", lambda source, to: fail_at(actual, tmp_path, source, to))
    with pytest.raises(Unusable, match="last"):
        write_all({str(one): "new", str(two): None, str(tmp_path / "last"): "x"}, follow=False)
    assert (os.readlink(one), os.readlink(two)) == ("nowhere", "elsewhere")
    assert names(tmp_path) == ["one.py", "two.py"]


def fail_at(actual, folder: Path, source: str, target: str) -> None:
    if target == str(folder / "last"):
        raise OSError(28, "No space left on device")
    actual(source, target)


def test_links_put_where_staged_files_might_come_are_not_followed(
    tmp_path: Path, monkeypatch
) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    folder.mkdir()
    outside.write_text("mine")
    names_taken = iter(["00" * 16, "11" * 16])
    monkeypatch.setattr(os, "urandom", lambda size: bytes.fromhex(next(names_taken))[:size])
    (folder / f".adaptergen-{'00' * 16}").symlink_to(tmp_path)
    # Another name is taken.
    write_all({str(folder / "x.py"): "x"})
    assert outside.read_text() == "mine"
    assert names(folder) == [f".adaptergen-{'00' * 16}", "x.py"]


def test_names_of_staged_files_differ_from_run_to_run(tmp_path: Path, monkeypatch) -> None:
    seen = []
    actual = os.replace
    monkeypatch.setattr(os, "replace", lambda s, t: (seen.append(s), actual(s, t)))
    for _ in range(5):
        write_all({str(tmp_path / "x"): "x"})
    assert len({Path(path).parent for path in seen}) == 5


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_pipes_and_devices_are_written_into_and_stay_what_they_are(
    tmp_path: Path, kind: str
) -> None:
    node = tmp_path / "node"
    if kind == "pipe":
        os.mkfifo(node)
    elif os.geteuid() == 0:
        # The numbers of /dev/null.
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    else:
        pytest.skip("only root makes devices")
    before = stat.S_IFMT(node.stat().st_mode)
    reader = os.open(node, os.O_RDONLY | os.O_NONBLOCK)
    write_all({str(tmp_path / "file"): "one", str(node): "two"})
    assert stat.S_IFMT(node.stat().st_mode) == before
    assert os.read(reader, 9) == (b"two" if kind == "pipe" else b"")
    os.close(reader)
    assert (tmp_path / "file").read_text() == "one"


def test_open_file_is_written_into_under_its_name_behind_what_is_there(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w+b", buffering=0) as out:
        out.write(b"printed before, ")
        write_all({f"/dev/fd/{out.fileno()}": "text"})
        out.write(b", printed after")
    assert (tmp_path / "out").read_text() == "printed before, text, printed after"


def test_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unusable, match="pipe cannot be written: nobody reads from this pipe"):
        write_all({str(tmp_path / "pipe"): "text"})


def test_where_no_link_is_followed_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for text in ("text", None):
        with pytest.raises(Unusable, match="pipe cannot be written: it is no regular file"):
            write_all({str(tmp_path / "new"): "x", str(tmp_path / "pipe"): text}, follow=False)
    (tmp_path / "link").symlink_to("pipe")
    write_all({str(tmp_path / "link"): "text"}, follow=False)
    assert (tmp_path / "link").read_text() == "text"
    assert names(tmp_path) == ["link", "pipe"]


def stage(folder: Path, *inside: str) -> Path:
    """What a run that was killed leaves."""
    left = folder / f".adaptergen-{'ab' * 16}"
    left.mkdir()
    for name in inside:
        (left / name).write_text("*\n")
    return left


def test_what_a_killed_run_left_is_found_and_removed(tmp_path: Path) -> None:
    assert (abandoned(str(tmp_path / "no folder")), clear(str(tmp_path))) == ([], False)
    left = stage(tmp_path, ".gitignore", "0", "12")
    (tmp_path / ".adaptergen-file").touch()
    (tmp_path / ".adaptergen-link").symlink_to(left)
    assert abandoned(str(tmp_path)) == [str(left)]
    assert clear(str(tmp_path))
    assert names(tmp_path) == [".adaptergen-file", ".adaptergen-link"]


def test_what_somebody_else_put_into_a_folder_of_that_name_stays(tmp_path: Path) -> None:
    left = stage(tmp_path, "0", "mine.txt")
    clear(str(tmp_path))
    assert [path.name for path in left.iterdir()] == ["mine.txt"]


def test_what_a_run_is_using_is_not_taken_for_left_behind(tmp_path: Path, monkeypatch) -> None:
    seen = []
    actual = os.replace

    def look(source: str, target: str) -> None:
        seen.append((abandoned(str(tmp_path)), clear(str(tmp_path))))
        actual(source, target)

    monkeypatch.setattr(os, "replace", look)
    write_all({str(tmp_path / "x"): "x"})
    assert seen == [([], False)]
    assert names(tmp_path) == ["x"]
