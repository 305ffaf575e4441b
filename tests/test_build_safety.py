"""What `build` leaves alone, removes and refuses, and how it stops halfway."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adaptergen import stamp
from tests.building import OTHER, TINY, replace, snapshot


class Interrupt:
    """Raises an error at one call of a function, and is the function at every other."""

    def __init__(self, function: Callable[..., object], at: int, error: BaseException) -> None:
        self.function, self.left, self.error = function, at, error

    def __call__(self, *arguments: object) -> object:
        self.left -= 1
        if self.left == 0:
            raise self.error
        return self.function(*arguments)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("step", ["chmod", "replace"])
def test_interrupted_build_leaves_every_file_as_it_was(
    built: Path, run, monkeypatch, step: str, at: int, error: BaseException
) -> None:
    replace(built / "specs" / "tiny.yaml", "A tiny", "The tiny")
    (built / "specs" / "third.yaml").write_text(OTHER.replace("Other", "Third"))
    before = snapshot(built)
    with monkeypatch.context() as patch:
        patch.setattr(os, step, Interrupt(getattr(os, step), at, error))
        outcome = run("build")
    assert outcome.status == (130 if isinstance(error, KeyboardInterrupt) else 2)
    assert outcome.err in (
        "interrupted\n",
        *(f"adaptergen: generated/{name}.py cannot be written: No space left on device\n"
          for name in ("tiny", "other", "third", "__init__")),
    )  # fmt: skip
    assert snapshot(built) == before
    assert run("build").status == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes by name")
def test_pipe_in_a_modules_place_is_left_alone(built: Path, run) -> None:
    module = built / "generated" / "tiny.py"
    module.unlink()
    os.mkfifo(module)
    assert "tiny.py: not written by adaptergen, so it is left alone" in run("build").err
    outcome = run("build", "--force")
    assert (outcome.status, outcome.out) == (2, "")
    assert "tiny.py cannot be written: it is no regular file" in outcome.err
    assert module.is_fifo()


def test_full_disk_while_a_file_is_staged_leaves_no_part_of_it(built: Path, run) -> None:
    replace(built / "specs" / "tiny.yaml", "A tiny", "The tiny " + "x " * 800)
    before = snapshot(built)
    program = (
        "import resource, signal, sys; from adaptergen.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from adaptergen import writing; add = writing._Stage.add\n"
        "def limited(*arguments):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); return add(*arguments)\n"
        "writing._Stage.add = limited; sys.exit(main(['build']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert snapshot(built) == before


def test_one_invalid_spec_means_that_none_is_written(built: Path, run) -> None:
    replace(built / "specs" / "tiny.yaml", "A tiny", "The tiny")
    (built / "specs" / "broken.yaml").write_text("architecture: 3\n")
    before = snapshot(built)
    assert run("build").status == 1
    assert snapshot(built) == before


def test_module_whose_spec_is_gone_is_removed_from_folder_and_registry(built: Path, run) -> None:
    (built / "specs" / "other.yaml").unlink()
    assert run("build", "--check").out.startswith("stale: generated/other.py (its spec is gone)\n")
    assert "removed generated/other.py (its spec is gone)" in run("build").out
    assert not (built / "generated" / "other.py").exists()
    assert "Other" not in (built / "generated" / "__init__.py").read_text()
    assert run("build", "--check").status == 0


def test_foreign_module_beside_ours_is_never_removed(built: Path, run) -> None:
    (built / "generated" / "helpers.py").write_text("X = 1\n")
    assert run("build").out == "up to date: 2 adapters\n"
    run("build", "--force")
    assert (built / "generated" / "helpers.py").read_text() == "X = 1\n"


@pytest.mark.parametrize("name", ["tiny", "gone", "__init__"])
def test_force_replaces_or_removes_what_was_edited_by_hand(built: Path, run, name: str) -> None:
    (built / "specs" / "gone.yaml").write_text(OTHER.replace("Other", "Gone"))
    run("build")
    (built / "specs" / "gone.yaml").unlink()
    module = built / "generated" / f"{name}.py"
    module.write_text(module.read_text() + "# mine\n")
    assert run("build").status == 1
    assert module.read_text().endswith("# mine\n")
    assert run("build", "--force").status == 0
    assert run("build", "--check").status == 0
    assert module.exists() == (name != "gone")


def test_foreign_file_in_the_way_is_replaced_only_by_force(built: Path, run) -> None:
    module = built / "generated" / "tiny.py"
    module.write_text("X = 1\n")
    outcome = run("build")
    assert outcome.status == 1
    assert outcome.err.startswith("generated/tiny.py: not written by adaptergen")
    assert run("build", "--force").status == 0
    assert stamp.read_stamp(str(module)) is not None


def test_empty_init_in_the_way_is_replaced(project: Path, run) -> None:
    (project / "specs" / "tiny.yaml").write_text(TINY)
    (project / "generated").mkdir()
    (project / "generated" / "__init__.py").touch()
    assert run("build").status == 0
    assert "TinyArchitectureAdapter" in (project / "generated" / "__init__.py").read_text()


def copied(built: Path, name: str) -> Path:
    """A generated module that somebody has copied from another project."""
    text = (built / "generated" / "other.py").read_text()
    body = text[text.index('"""Other') :].replace("Other", name.capitalize())
    made = stamp.Stamp(f"specs/{name}.yaml", f"{name.capitalize()}ArchitectureAdapter for X")
    module = built / "generated" / f"{name}.py"
    module.write_text(made.header(body) + body)
    return module


def test_module_that_was_copied_there_is_left_alone_until_pruned(built: Path, run) -> None:
    module = copied(built, "mine")
    before = snapshot(built)
    for arguments in (["build"], ["build", "--check"], ["build", "--force"], ["build", "--diff"]):
        outcome = run(*arguments)
        assert outcome.status == 0
        assert outcome.err == (
            "note: generated/mine.py has no spec here, and no build of this project is known to "
            "have written it: it is left alone, and --prune removes it\n"
        )
    replace(built / "specs" / "tiny.yaml", "A tiny", "The tiny")
    assert run("build", "tiny").status == 0
    assert run("build").status == 0
    assert module.read_bytes() == before["generated/mine.py"]
    assert "Mine" not in (built / "generated" / "__init__.py").read_text()
    outcome = run("build", "--prune")
    assert (outcome.out, outcome.err) == ("removed generated/mine.py (its spec is gone)\n", "")
    assert not module.exists()


def test_what_was_copied_there_and_edited_is_pruned_only_by_force(built: Path, run) -> None:
    module = copied(built, "mine")
    module.write_text(module.read_text() + "# mine\n")
    assert "generated/mine.py: edited by hand, so it is left alone" in run("build", "--prune").err
    assert module.exists()
    assert run("build", "--prune", "--force").status == 0
    assert not module.exists()


@pytest.mark.parametrize("damage", ["missing", "edited"])
def test_without_a_registry_nobody_knows_what_builds_have_written(
    built: Path, run, damage: str
) -> None:
    registry = built / "generated" / "__init__.py"
    if damage == "missing":
        registry.unlink()
    else:
        registry.write_text(registry.read_text() + "# mine\n")
    (built / "specs" / "other.yaml").unlink()
    assert run("build", "--force").status == 0
    assert (built / "generated" / "other.py").exists()
    assert "Other" not in registry.read_text()


def test_module_of_a_spec_in_another_folder_is_no_orphan(built: Path, run) -> None:
    (built / "more").mkdir()
    (built / "more" / "third.yaml").write_text(OTHER.replace("Other", "Third"))
    assert run("build", "more").status == 0
    assert run("build") == (0, "up to date: 2 adapters\n", "")
    assert "Third" in (built / "generated" / "__init__.py").read_text()
    (built / "more" / "third.yaml").unlink()
    assert "removed generated/third.py (its spec is gone)" in run("build").out


MARKED = "<<<<<<< HEAD\n{}=======\n{}>>>>>>> theirs\n"


@pytest.mark.parametrize("part", ["first line", "hashes", "body"])
def test_merge_conflicts_are_named_and_solved_by_force(built: Path, run, part: str) -> None:
    module = built / "generated" / "tiny.py"
    before, lines = module.read_text(), module.read_text().splitlines(keepends=True)
    at = {"first line": 0, "hashes": 4, "body": 12}[part]
    lines[at] = MARKED.format(lines[at], lines[at].replace("a", "b"))
    module.write_text("".join(lines))
    assert run("build", "--check").out == (
        "stale: generated/tiny.py (has merge conflicts)\n"
        "run `adaptergen build --force`, which discards edits\n"
    )
    outcome = run("build")
    assert (outcome.status, outcome.err) == (
        1,
        "generated/tiny.py: has merge conflicts, so it is left alone\n"
        "    `adaptergen build --force` solves them: it writes the file anew\n",
    )
    assert run("build", "--force").out == "wrote generated/tiny.py (has merge conflicts)\n"
    assert module.read_text() == before


def forge(module: Path) -> None:
    """Edit a module, and make the hash in its header fit."""
    found = stamp.read_stamp(str(module))
    assert found is not None
    text = module.read_text()
    body = text[text.index('"""') :].replace("GeneratedX", "") + "import os\n"
    module.write_text(found.stamp.header(body) + body)


@pytest.mark.parametrize("name", ["tiny", "mlp", "__init__"])
def test_header_made_to_fit_an_edit_is_found_by_rendering(built: Path, run, name: str) -> None:
    module = built / "generated" / f"{name}.py"
    before = module.read_bytes()
    assert run("build", "--check", "--render").out == "up to date: 2 adapters\n"
    assert run("build", "--render").out == "up to date: 2 adapters\n"
    forge(module)
    assert run("build", "--check").status == 0
    why = "its hashes match, and its spec renders something else"
    assert run("build", "--check", "--render").out == (
        f"stale: generated/{name}.py ({why})\nrun `adaptergen build --render --force`\n"
    )
    assert run("build", "--render").err.startswith(f"generated/{name}.py: {why}, so it is left al")
    assert run("build", "--render", "--force").out == f"wrote generated/{name}.py ({why})\n"
    assert module.read_bytes() == before


def test_rendering_finds_what_hashes_find_too(built: Path, run) -> None:
    replace(built / "specs" / "other.yaml", "Another", "One more")
    assert run("build", "--check", "--render").out.startswith(
        "stale: generated/other.py (spec other changed)\n"
    )
    replace(built / "specs" / "other.yaml", "extends", "extend")
    assert "unknown key 'extend'" in run("build", "--check", "--render").err
    assert run("build", "--render", "--diff").status == 2
