"""Measured pages say how old they are, and the check knows when that is not so."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from docs.scripts import DOCS, stamps

PAGE = "# Title\n\nFigures.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of which the page about inference has just been measured."""
    for name in stamps.RESTS_ON["inference"]:
        path = tmp_path / name
        (path if path.suffix else path / "inner").parent.mkdir(parents=True, exist_ok=True)
        (path if path.suffix else path / "inner" / "file").parent.mkdir(exist_ok=True)
        (path if path.suffix else path / "inner" / "file").write_text("as it is")
    (tmp_path / "docs" / "inference.md").write_text(PAGE)
    (tmp_path / "docs" / "stamps.json").write_text("{}")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(
        [*git, "commit", "--quiet", "--allow-empty", "-m", "a"], cwd=tmp_path, check=True
    )
    stamps.record(["inference"], tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, root: Path, *arguments: str) -> str:
    """The page once the script has run."""
    monkeypatch.setattr("sys.argv", ["stamps", "--root", str(root), *arguments])
    stamps.main()
    return (root / "docs" / "inference.md").read_text()


def commit(root: Path) -> str:
    rows = json.loads((root / "docs" / "stamps.json").read_text())
    return str(rows["inference"]["commit"])


def test_page_measured_just_now_is_fresh(root: Path, monkeypatch: Any) -> None:
    text = run(monkeypatch, root)
    said = (
        f"Measured at commit `{commit(root)}`;"
        " the files that the figures depend on have not changed since."
    )
    assert text == f"# Title\n\n<!-- stamp -->{said}\n\nFigures.\n"
    assert stamps.unstamped(text) == PAGE
    assert run(monkeypatch, root, "--check") == text


@pytest.mark.parametrize("change", ["edited", "added", "removed"])
def test_page_cannot_claim_to_be_fresh_once_something_has_changed(
    root: Path, monkeypatch: Any, change: str
) -> None:
    fresh = run(monkeypatch, root)
    file = root / "adaptergen" / "infer" / "inner" / "file"
    {
        "edited": lambda: file.write_text("otherwise"),
        "added": lambda: file.with_name("another").write_text(""),
        "removed": file.unlink,
    }[change]()
    with pytest.raises(SystemExit, match=r"is not so: docs/inference\.md; run `make stamps`"):
        run(monkeypatch, root, "--check")
    assert (root / "docs" / "inference.md").read_text() == fresh
    old = run(monkeypatch, root)
    assert "Files that the figures depend on have changed since" in old
    assert "`make inference` measures again" in old
    # From then on nothing is to be done until it is measured again.
    file.with_name("one more").write_text("")
    assert run(monkeypatch, root, "--check") == old
    assert run(monkeypatch, root, "inference") == fresh


def test_what_does_not_matter_to_a_page_leaves_it_fresh(root: Path, monkeypatch: Any) -> None:
    fresh = run(monkeypatch, root)
    (root / "README.md").write_text("")
    cache = root / "adaptergen" / "infer" / "__pycache__"
    cache.mkdir()
    (cache / "file.pyc").write_bytes(b"")
    assert run(monkeypatch, root, "--check") == fresh


def test_page_without_its_line_is_not_let_through(root: Path, monkeypatch: Any) -> None:
    with pytest.raises(SystemExit, match="is not so"):
        run(monkeypatch, root, "--check")


def test_every_measured_page_has_a_stamp_and_what_it_rests_on_is_there() -> None:
    assert stamps.read(DOCS.parent).keys() == stamps.RESTS_ON.keys()
    named = {name for names in stamps.RESTS_ON.values() for name in names}
    assert [name for name in sorted(named) if not (DOCS.parent / name).exists()] == []
    assert list(stamps.stale(DOCS.parent)) == []


def test_schema_made_anew_changes_nothing_that_was_measured(root: Path) -> None:
    before = stamps.digest("inference", root)
    (root / "specs" / "schema.json").write_text("{}")
    assert stamps.digest("inference", root) == before
    (root / "specs" / "other.yaml").write_text("")
    assert stamps.digest("inference", root) != before
