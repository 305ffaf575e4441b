"""Places that no careful person makes: links in circles, and folders whose names are no text."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adaptergen.cli import main
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


@pytest.mark.parametrize(
    "arguments",
    [
        "build", "build --check", "build specs --format github", "verify llama", "show llama",
        "infer LlamaForCausalLM", "diff llama mistral", "list", "list --format json", "schema",
        "explain rope", "new x --extends llama", "vendor llama --out v",
    ],
)  # fmt: skip
def test_working_folder_that_has_been_removed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, arguments: str
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    before = sorted(tmp_path.rglob("*"))
    outcome = run(*arguments.split())
    message = "the working folder cannot be used: No such file or directory; change to another one"
    assert (outcome.status, outcome.err) == (2, f"adaptergen: {message}\n")
    assert message in outcome.out or "json" not in arguments
    assert sorted(tmp_path.rglob("*")) == before


def run_beside(closed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run in the working folder, by somebody who may not look into another, or into itself."""
    command = [sys.executable, "-m", "adaptergen", *arguments]
    if not os.geteuid():
        # Root may look into every folder, unless it gives that up.
        rights = "-dac_override,-dac_read_search"
        command = ["setpriv", "--bounding-set", rights, "--inh-caps", rights, *command]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False,
            preexec_fn=lambda: closed.chmod(0),
        )  # fmt: skip
    finally:
        closed.chmod(0o755)


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is a program of Linux")
@pytest.mark.parametrize(
    ("closed", "verb", "said"),
    [
        ("specs", "build", "specs: Permission denied"),
        ("specs", "list --format json", "specs: Permission denied"),
        ("generated", "build", "generated: Permission denied"),
        ("generated", "build --check", "generated: Permission denied"),
        (".", "build --check", "the working folder cannot be used: Permission denied; change"),
        (".", "show tiny", "the working folder cannot be used: Permission denied; change"),
        ("..", "list", "the working folder cannot be used: Permission denied; change"),
    ],
)
def test_folder_that_nobody_may_look_into_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str, verb: str, said: str
) -> None:
    inner = tmp_path / "inner"
    (inner / "specs").mkdir(parents=True)
    (inner / "specs" / "tiny.yaml").write_text(TINY)
    monkeypatch.chdir(inner)
    assert main(["build"]) == 0
    done = run_beside(inner / closed, *verb.split())
    assert done.returncode == 2
    assert done.stderr.startswith(f"adaptergen: {said}")
    assert said in done.stdout or "json" not in verb


@pytest.mark.parametrize("verb", ["build", "list", "show tiny", "verify tiny"])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("pipe", "it is no regular file"),
        ("folder", "it is a folder"),
        ("dangling link", "No such file or directory"),
        ("link to itself", CIRCLE),
    ],
)
def test_pyproject_that_cannot_be_read_is_not_passed_over(
    project: Path, run: Run, kind: str, reason: str, verb: str
) -> None:
    path = project / "pyproject.toml"
    path.unlink(missing_ok=True)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "dangling link":
            path.symlink_to("nowhere")
        case _:
            path.symlink_to(path.name)
    outcome = run(*verb.split())
    assert outcome.status == 1
    assert outcome.err == f"pyproject.toml: cannot be read: {reason}\n"
    assert not (project / "generated").exists()


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
