"""Measured pages say how old they are, and the check knows when that is not so."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.docs_scripts import DOCS, load_script

PAGE = "# Title\n\nFigures.\n"


@pytest.fixture
def script() -> Any:
    return load_script("stamps")


@pytest.fixture
def root(script: Any, tmp_path: Path) -> Path:
    """A project of which the page about inference has just been measured."""
    for name in script.RESTS_ON["inference"]:
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
    script.record(["inference"], tmp_path)
    return tmp_path


def run(script: Any, monkeypatch: pytest.MonkeyPatch, root: Path, *arguments: str) -> str:
    """The page once the script has run."""
    monkeypatch.setattr("sys.argv", ["stamps", "--root", str(root), *arguments])
    script.main()
    return (root / "docs" / "inference.md").read_text()


def commit(root: Path) -> str:
    rows = json.loads((root / "docs" / "stamps.json").read_text())
    return str(rows["inference"]["commit"])


def test_page_measured_just_now_is_fresh(script: Any, root: Path, monkeypatch: Any) -> None:
    text = run(script, monkeypatch, root)
    said = f"Measured at commit `{commit(root)}`; nothing that it rests on has changed since."
    assert text == f"# Title\n\n<!-- stamp -->{said}\n\nFigures.\n"
    assert script.unstamped(text) == PAGE
    assert run(script, monkeypatch, root, "--check") == text


@pytest.mark.parametrize("change", ["edited", "added", "removed"])
def test_page_cannot_claim_to_be_fresh_once_something_has_changed(
    script: Any, root: Path, monkeypatch: Any, change: str
) -> None:
    fresh = run(script, monkeypatch, root)
    file = root / "adaptergen" / "infer" / "inner" / "file"
    {
        "edited": lambda: file.write_text("otherwise"),
        "added": lambda: file.with_name("another").write_text(""),
        "removed": file.unlink,
    }[change]()
    with pytest.raises(SystemExit, match=r"is not so: docs/inference\.md; run `make stamps`"):
        run(script, monkeypatch, root, "--check")
    assert (root / "docs" / "inference.md").read_text() == fresh
    old = run(script, monkeypatch, root)
    assert "has changed since" in old
    assert f"git log {commit(root)}.. -- adaptergen/render" in old
    # From then on nothing is to be done until it is measured again.
    file.with_name("one more").write_text("")
    assert run(script, monkeypatch, root, "--check") == old
    assert run(script, monkeypatch, root, "inference") == fresh


def test_what_does_not_matter_to_a_page_leaves_it_fresh(
    script: Any, root: Path, monkeypatch: Any
) -> None:
    fresh = run(script, monkeypatch, root)
    (root / "README.md").write_text("")
    cache = root / "adaptergen" / "infer" / "__pycache__"
    cache.mkdir()
    (cache / "file.pyc").write_bytes(b"")
    assert run(script, monkeypatch, root, "--check") == fresh


def test_page_without_its_line_is_not_let_through(
    script: Any, root: Path, monkeypatch: Any
) -> None:
    with pytest.raises(SystemExit, match="is not so"):
        run(script, monkeypatch, root, "--check")


def test_every_measured_page_has_a_stamp_and_what_it_rests_on_is_there(script: Any) -> None:
    assert script.read(DOCS.parent).keys() == script.RESTS_ON.keys()
    named = {name for names in script.RESTS_ON.values() for name in names}
    assert [name for name in sorted(named) if not (DOCS.parent / name).exists()] == []
    assert list(script.stale(DOCS.parent)) == []


def test_schema_made_anew_changes_nothing_that_was_measured(script: Any, root: Path) -> None:
    before = script.digest("inference", root)
    (root / "specs" / "schema.json").write_text("{}")
    assert script.digest("inference", root) == before
    (root / "specs" / "other.yaml").write_text("")
    assert script.digest("inference", root) != before
