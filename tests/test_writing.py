"""Several files written as one."""

import os
import stat
from pathlib import Path

import pytest

from adaptergen.errors import Unusable
from adaptergen.writing import write_all


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
