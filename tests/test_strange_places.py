"""Places that no careful person makes: links in circles, and folders whose names are no text."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.building import TINY
from tests.conftest import Run

CIRCLE = "Too many levels of symbolic links"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and names of Unix")


@pytest.fixture(autouse=True)
def tiny(project: Path) -> None:
    """A project with one spec."""
    (project / "specs" / "tiny.yaml").write_text(TINY)


def test_spec_that_is_a_link_to_itself_is_named(project: Path, run: Run) -> None:
    (project / "specs" / "loop.yaml").symlink_to("loop.yaml")
    outcome = run("build")
    assert (outcome.status, outcome.out) == (1, "")
    assert f"specs/loop.yaml: cannot be read: {CIRCLE}" in outcome.err


def test_link_to_itself_among_specs_or_templates_is_passed_over(project: Path, run: Run) -> None:
    (project / "templates").mkdir()
    for folder in ("specs", "templates"):
        (project / folder / "loop").symlink_to("loop")
    outcome = run("build", "--templates", "templates")
    assert (outcome.status, outcome.err) == (0, "")


@pytest.mark.parametrize("flags", [(), ("--check",), ("--diff",), ("--stdout",)])
def test_output_that_is_a_link_to_itself_is_no_folder(
    project: Path, run: Run, flags: tuple[str, ...]
) -> None:
    (project / "generated").symlink_to("generated")
    outcome = run("build", *flags)
    assert "[Errno" not in outcome.err
    assert outcome.status == (0 if flags == ("--stdout",) else 1 if flags == ("--check",) else 2)


@pytest.mark.parametrize("name", [b"a\nb", b"\xff\xfe", b"\x1b[31m", "🙂".encode(), b"-x"])
@pytest.mark.parametrize("style", ["text", "json", "github"])
def test_project_in_a_folder_of_any_name_is_built_and_checked(
    tmp_path: Path, name: bytes, style: str
) -> None:
    folder = os.path.join(os.fsencode(tmp_path), name)
    os.makedirs(os.path.join(folder, b"specs"))
    with open(os.path.join(folder, b"specs", b"tiny.yaml"), "w") as file:
        file.write(TINY)
    build = [sys.executable, "-m", "adaptergen", "build", "--format", style]
    # What is fresh is noted by the second.
    for flags in ([], ["--check"], ["--check", "--render"]):
        done = subprocess.run([*build, *flags], cwd=folder, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
