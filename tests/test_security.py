"""Code that others wrote is run where docs/SECURITY.md says so, and nowhere else."""

import sys
from pathlib import Path

import pytest

from adaptergen.project import bundled
from tests.conftest import Run

HATCHED = """\
architecture: LlamaForCausalLM
extends: llama
class_prefix: Hatched
model_type: llama
summary: Llama with code of its own.
hatch: {reason: A trap., prepare_model: "trap:sprung"}
"""
LIGHT = (
    ("build", "--check"),
    ("build", "--check", "--render"),
    ("build", "--diff"),
    ("build", "--stdout"),
    ("show", "hatched"),
    ("diff", "hatched", "llama"),
    ("list",),
    ("explain", "hatch"),
    ("schema",),
    ("new", "other", "--extends", "hatched"),
)


@pytest.fixture
def sprung(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a module of the project writes if it is run."""
    found = project / "sprung"
    trap = f"from pathlib import Path\n\nPath({str(found)!r}).touch()\n\ndef sprung(model): pass\n"
    (project / "trap.py").write_text(trap)
    (project / "specs" / "hatched.yaml").write_text(HATCHED)
    # `verify` adds the project to it.
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.syspath_prepend(str(project))
    return found


@pytest.mark.parametrize("command", LIGHT, ids=" ".join)
def test_light_commands_run_neither_hatches_nor_modules(
    sprung: Path, run: Run, command: tuple[str, ...]
) -> None:
    assert run("build").status == 0
    module = sprung.parent / "generated" / "hatched.py"
    with module.open("a") as opened:
        opened.write("\nimport trap\n")
    run(*command)
    assert not sprung.exists()


def test_verify_runs_the_module_and_what_it_imports(sprung: Path, run: Run) -> None:
    assert run("build").status == 0
    run("verify", "hatched", "--only", "boot.module")
    assert sprung.exists()


@pytest.mark.parametrize(
    ("command", "runs"),
    [*((line, True) for line in (("build",), *LIGHT[1:4])), *((line, False) for line in LIGHT[4:])],
    ids=str,
)
def test_templates_of_a_project_are_code_that_builds_run(
    sprung: Path, run: Run, command: tuple[str, ...], runs: bool
) -> None:
    text = '[tool.adaptergen]\ntemplates = "templates"\n'
    (sprung.parent / "pyproject.toml").write_text(text)
    (sprung.parent / "templates").mkdir()
    (sprung.parent / "templates" / "adapter.py.j2").write_text(
        '{% extends "bundled/adapter.py.j2" %}\n{% block flags %}\n{{ super() }}\n'
        "{{ cycler.__init__.__globals__.__builtins__['__import__']('trap') and '' }}\n"
        "{% endblock %}\n"
    )
    sys.modules.pop("trap", None)
    run(*command)
    assert sprung.exists() is runs


def test_tags_in_a_spec_are_no_code(project: Path, run: Run) -> None:
    spec = "architecture: !!python/object/apply:os.mkdir [made]\nextends: llama\nsummary: A.\n"
    (project / "specs" / "tagged.yaml").write_text(spec)
    assert run("build").status == 1
    assert not (project / "made").exists()


def test_page_names_each_command_in_one_column_or_the_other() -> None:
    page = Path(bundled("specs")).parent / "docs" / "SECURITY.md"
    text = page.read_text(encoding="utf-8")
    verbs = {command[0] for command in LIGHT} | {"verify", "infer"}
    assert [verb for verb in sorted(verbs) if f"`{verb}" not in text] == []
