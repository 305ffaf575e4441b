"""Builds with nothing to do end early, and only those."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adaptergen import quick
from adaptergen.commands import build as command
from tests.building import ROOT, TINY, replace

FRESH = "up to date: 2 adapters\n"


@pytest.fixture
def noted(built: Path, run) -> Path:
    """A project that the last build has found fresh; both of its folders of its own are there."""
    (built / "pyproject.toml").write_text('[tool.adaptergen]\ntemplates = "own"\n')
    (built / "own").mkdir()
    shutil.copy(ROOT / "templates" / "docstring.py.j2", built / "own")
    (built / "specs" / "schema.json").write_text(run("schema").out)
    run("build")
    assert quick.run(["build"]) is None
    assert run("build").out == FRESH
    return built


@pytest.mark.parametrize("flags", [[], ["--check"], ["--quiet"], ["--fail-on-change", "--check"]])
def test_build_of_what_was_noted_as_fresh_ends_early(noted, capsys, flags: list[str]) -> None:
    assert quick.run(["build", *flags]) == 0
    assert capsys.readouterr().out == ("" if "--quiet" in flags else FRESH)


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["verify"], ["build", "tiny"], ["build", "--diff"], ["build", "--stdout"],
        ["build", "--out", "x"], ["build", "--render"], ["build", "--force"], ["build", "--prune"],
        ["build", "--templates", "own"], ["build", "--format", "json"], ["build", "--help"],
    ],
)  # fmt: skip
def test_other_runs_do_not(noted, arguments: list[str]) -> None:
    assert quick.run(arguments) is None


def replacing(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda project: replace(project / name, old, new)


CHANGES: dict[str, Callable[[Path], object]] = {
    "spec": replacing("specs/other.yaml", "Another", "another"),
    "parent": replacing("specs/tiny.yaml", "A tiny", "a tiny"),
    "spec that is new": lambda p: (p / "specs" / "x.yaml").write_text(TINY.replace("Tiny", "X")),
    "spec that is gone": lambda p: (p / "specs" / "other.yaml").unlink(),
    "spec in a folder": lambda p: (p / "specs" / "x").mkdir(),
    "schema": replacing("specs/schema.json", "Code", "Coda"),
    "module": replacing("generated/tiny.py", "A tiny", "a tiny"),
    "module that is gone": lambda p: (p / "generated" / "mlp.py").unlink(),
    "module that was copied there": lambda p: shutil.copy(
        p / "generated" / "tiny.py", p / "generated" / "x.py"
    ),
    "registry": replacing("generated/__init__.py", "ADAPTERS", "adapters"),
    "template": replacing("own/docstring.py.j2", '"""', "'''"),
    "template that is new": lambda p: shutil.copy(ROOT / "templates" / "norm.py.j2", p / "own"),
    "module to copy that is new": lambda p: shutil.copytree(
        ROOT / "templates" / "support", p / "own" / "support"
    ),
    "what a killed build left": lambda p: (p / "generated" / ".adaptergen-x").mkdir(),
    "pyproject": lambda p: (p / "pyproject.toml").write_text('[tool.adaptergen]\noutput = "x"\n'),
    "no pyproject": lambda p: (p / "pyproject.toml").unlink(),
    "output that is gone": lambda p: shutil.rmtree(p / "generated"),
    "specs that are gone": lambda p: shutil.rmtree(p / "specs"),
    "spec that is a pipe": lambda p: os.mkfifo(p / "specs" / "x.yaml"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_makes_the_next_build_look(noted: Path, change: str) -> None:
    CHANGES[change](noted)
    assert quick.run(["build"]) is None


@pytest.mark.parametrize("part", ["__init__.py", "errors.py", "spec/load.py", "targets/text.py"])
def test_a_change_of_the_code_makes_the_next_build_look(
    noted: Path, part: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory
) -> None:
    copy = tmp_path_factory.mktemp("copy") / "adaptergen"
    shutil.copytree(ROOT / "adaptergen", copy, ignore=shutil.ignore_patterns("verify", "infer"))
    monkeypatch.setattr(quick, "PACKAGE", str(copy))
    trees = command.rests_on(command.find_project())
    before = quick.state(trees)
    (copy / "cli.py").write_text("")
    (copy / "commands" / "build.py").write_text("")
    assert quick.state(trees) == before
    (copy / part).write_text((copy / part).read_text() + "#\n")
    assert quick.state(trees) != before


def test_another_formatter_makes_the_next_build_look(noted, monkeypatch) -> None:
    monkeypatch.setattr(quick, "formatter_version", lambda: "0.8.1")
    assert quick.run(["build"]) is None


def test_pyproject_that_a_folder_above_gets_makes_the_next_build_look(
    project: Path, run, monkeypatch
) -> None:
    inner = project / "a" / "b"
    (inner / "specs").mkdir(parents=True)
    (inner / "specs" / "tiny.yaml").write_text(TINY)
    monkeypatch.chdir(inner)
    run("build")
    run("build")
    assert quick.run(["build", "--quiet"]) == 0
    (project / "pyproject.toml").write_text("[tool.adaptergen]\n")
    assert quick.run(["build"]) is None


def test_what_changes_while_a_build_looks_is_not_noted(built: Path, run, monkeypatch) -> None:
    actual = command.select_specs

    def select(*arguments: object) -> object:
        found = actual(*arguments)
        replace(built / "specs" / "other.yaml", "Another", "Yet another")
        run_once.undo()
        return found

    with monkeypatch.context() as run_once:
        run_once.setattr(command, "select_specs", select)
        run("build")
    replace(built / "specs" / "other.yaml", "Yet another", "One more")
    assert quick.run(["build"]) is None


def test_notes_of_a_build_come_again(built: Path, run) -> None:
    shutil.copy(built / "generated" / "tiny.py", built / "generated" / "x.py")
    for _ in range(2):
        assert "generated/x.py has no spec here" in run("build").err
        assert quick.run(["build"]) is None


def test_folders_of_more_than_is_meant_are_not_noted(built: Path, run, monkeypatch) -> None:
    monkeypatch.setattr(quick, "_MOST_FILES", 10)
    run("build")
    assert quick.run(["build"]) is None


def test_links_in_circles_come_to_an_end(noted: Path, run, monkeypatch) -> None:
    monkeypatch.setattr(quick, "_MOST_FILES", 500)
    (noted / "own" / "one").symlink_to(".")
    (noted / "own" / "two").symlink_to(".")
    assert run("build").status == 0
    assert quick.run(["build"]) is None


def test_without_a_place_for_notes_builds_go_on(built: Path, run, monkeypatch, tmp_path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert run("build") == (0, FRESH, "")
    assert quick.run(["build"]) is None


def test_note_that_says_nothing_is_passed_over(noted: Path) -> None:
    note = Path(quick._note_path())
    for text in ("", "x", "\n\n\n", "\x00\xff"):
        note.write_text(text, encoding="latin-1")
        assert quick.run(["build"]) is None


def test_program_imports_neither_typing_nor_a_parser_for_it(noted: Path) -> None:
    program = (
        "import sys; from adaptergen.__main__ import run; status = run()\n"
        "print(sorted(sys.modules)); sys.exit(status)"
    )
    command = [sys.executable, "-S", "-c", program, "build", "--check"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[1:])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    said, modules = done.stdout.splitlines()
    assert said + "\n" == FRESH
    for name in ("typing", "collections", "re", "argparse", "adaptergen.cli", "tomllib"):
        assert f"'{name}'" not in modules, name


def test_build_with_something_to_do_reads_no_metadata_of_packages(noted: Path) -> None:
    replace(noted / "specs" / "other.yaml", "Another", "another")
    program = (
        "import sys; from adaptergen.__main__ import run; status = run()\n"
        "print('importlib.metadata' in sys.modules, 'pydantic' in sys.modules); sys.exit(status)"
    )
    command = [sys.executable, "-S", "-c", program, "build"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[1:])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False True"
