"""Words on the command line that nobody means: a message and an exit status, and never more."""

import os
from pathlib import Path

import pytest

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
