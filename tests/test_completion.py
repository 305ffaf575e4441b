"""Completion in the shell: what is offered, and that nothing else pays for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adaptergen.arguments import VERBS, parser
from adaptergen.completion import _CLASSES, _SPECS, _actions
from tests.building import TINY
from tests.test_structure import loaded_by


def offered(line: str, folder: Path) -> list[str]:
    """What argcomplete prints when a shell asks it for what may follow a line."""
    pytest.importorskip("argcomplete")
    answer = folder / "answer"
    asked = {
        **os.environ, "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_SHELL": "bash",
    }  # fmt: skip
    # The way a shell calls it: by the program's name alone.
    command = [sys.executable, "-m", "adaptergen"]
    done = subprocess.run(command, cwd=folder, env=asked, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"", b"")
    return [word.strip() for word in answer.read_text().splitlines()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("adaptergen ve", {"verify", "vendor"}),
        ("adaptergen verify --mut", {"--mutants"}),
        ("adaptergen build --format ", {"text", "json", "github"}),
        ("adaptergen show smol", {"smollm3"}),
        ("adaptergen show my", {"mytiny"}),
        ("adaptergen new x --extends qwen2_", {"qwen2_moe"}),
        ("adaptergen infer SmolLM3", {"SmolLM3ForCausalLM"}),
        ("adaptergen build specs/my", {"specs/mytiny.yaml"}),
        ("adaptergen show nothing", set()),
    ],
)
def test_words_that_may_follow_are_offered(project: Path, line: str, words: set[str]) -> None:
    (project / "specs" / "mytiny.yaml").write_text(TINY)
    assert set(offered(line, project)) == words


def test_shell_that_asks_in_vain_hears_no_traceback(project: Path) -> None:
    program = (
        "import sys; sys.modules['argcomplete'] = None\n"
        "from adaptergen.cli import main; sys.exit(main(['list', '--help']))"
    )
    asked = {**os.environ, "_ARGCOMPLETE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=asked, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("verb", ["build", "list"])
def test_other_runs_do_not_import_it(project: Path, verb: str) -> None:
    (project / "specs" / "tiny.yaml").write_text(TINY)
    loaded = loaded_by(f"from adaptergen.cli import main\nmain(['{verb}'])", project)
    assert "argcomplete" not in loaded


def test_what_is_completed_is_what_verbs_take() -> None:
    dests = {action.dest for action in _actions(parser())}
    assert dests >= _SPECS | _CLASSES
    assert len(VERBS) >= 10
