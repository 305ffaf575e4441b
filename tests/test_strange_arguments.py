"""Words on the command line that nobody means: a message and an exit status, and never more."""

import os
from pathlib import Path

import pytest

from adaptergen.arguments import parser
from adaptergen.cli import main
from tests.building import TINY

WORDS = (
    "", ".", "..", "/", "-", "~", "a" * 5000, "\udcff", "specs/", "nonexistent/x.yaml", "*.yaml",
    "/dev/null", "/dev/zero", "/proc/self/mem", "pipe.yaml", "loop", "loop/x.yaml", "folder.yaml",
    "dangling.yaml", "link.yaml", "specs/tiny.yaml/", "specs/tiny.yaml/x", "Llama", "a b", "\n",
    "\x1b[31m", "é", "../" * 60, "/proc/self/root/x.yaml", "http://x/y.yaml", "LlamaForCausalLM",
)  # fmt: skip
FEW = ("build {}", "show {}", "new {} --extends llama")
MANY = (
    "build {} --check", "build --out {} --check", "build --templates {}", "diff {} llama",
    "diff llama {} --format json", "show {} --format json", "explain {}", "new y --extends {}",
    "new z --extends llama --architecture {}", "vendor {} --out v", "vendor llama --check --out {}",
    "build tiny --stdout --format {}", "list --format {}",
)  # fmt: skip


@pytest.fixture
def odd_project(project: Path) -> Path:
    (project / "specs" / "tiny.yaml").write_text(TINY)
    (project / "folder.yaml").mkdir()
    (project / "link.yaml").symlink_to("folder.yaml")
    (project / "loop").symlink_to("loop")
    (project / "dangling.yaml").symlink_to("nowhere.yaml")
    if hasattr(os, "mkfifo"):
        os.mkfifo(project / "pipe.yaml")
    return project


def ends(form: str, word: str) -> int:
    """The exit status, also where argparse ends the run."""
    try:
        return main([part.replace("{}", word) for part in form.split()])
    except SystemExit as exit_:
        return int(exit_.code or 0)


@pytest.mark.parametrize(
    "form",
    [*FEW, *(pytest.param(m, marks=[pytest.mark.full, pytest.mark.exhaustive]) for m in MANY)],
)
def test_strange_word_ends_in_a_message(
    odd_project: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for word in WORDS:
        status = ends(form, word)
        printed = capsys.readouterr()
        assert status in (0, 1, 2), word
        assert printed.out + printed.err, word
        assert "\x1b" not in printed.out + printed.err, word
        assert "Traceback" not in printed.err, word


EMPTY = (
    "build {}", "build --out {}", "build --templates {}", "vendor llama --out {}",
    "vendor {} --out v", "verify --json {}", "verify --html {}", "verify tiny --module {}",
    "verify {}", "verify tiny --trust-remote-code {}", "verify tiny --set {}",
    "verify tiny --only {}",
    "infer LlamaForCausalLM --out {}", "infer {}", "infer LlamaForCausalLM --tiny {}", "show {}",
    "new x --extends {}", "new x --extends llama --architecture {}", "explain {}",
    "explain rope {}", "diff llama {}", "list --format {}",
)  # fmt: skip
TWICE = (
    "build --out a --out b", "build --templates t --templates t", "build --out=a --ou b",
    "vendor llama --out a --out b", "verify --json a.json --json b.json",
    "verify tiny --module a.py --module b.py", "infer LlamaForCausalLM --out a.yaml --out b.yaml",
    "new x --extends llama --extends mistral",
)  # fmt: skip


def files_of(project: Path) -> list[Path]:
    return sorted(project.rglob("*"))


@pytest.mark.parametrize("form", EMPTY)
def test_empty_word_is_refused_and_nothing_is_written(
    odd_project: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(odd_project)
    assert ends(form, "") == 2
    assert "it is empty" in capsys.readouterr().err
    assert files_of(odd_project) == before


@pytest.mark.parametrize("form", TWICE)
def test_second_path_or_name_is_refused_and_none_is_passed_over(
    odd_project: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(odd_project)
    assert ends(form, "") == 2
    assert "it is given twice" in capsys.readouterr().err
    assert files_of(odd_project) == before


def test_last_of_two_numbers_or_formats_counts(odd_project: Path) -> None:
    # So that what an alias gives can be changed.
    assert ends("build --format json --format github", "") == 0
    given = parser().parse_args(
        ["verify", "--jobs", "4", "--jobs", "2", "--only", "a", "--only", "b"]
    )
    assert (given.jobs, given.only) == (2, ["a", "b"])


@pytest.mark.parametrize("form", ["show {}", "diff llama {}", "vendor {} --out v", "verify {}"])
def test_folder_in_place_of_a_spec_is_called_one(
    odd_project: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(form, "specs") == 1
    assert "specs: is a folder, and one spec is asked for" in capsys.readouterr().err
