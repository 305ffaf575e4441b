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


def test_full_disk_while_a_file_is_staged_leaves_no_part_of_it(built: Path, run) -> None:
    replace(built / "specs" / "tiny.yaml", "A tiny", "The tiny " + "x " * 800)
    before = snapshot(built)
    program = (
        "import resource, signal, sys; from adaptergen.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from adaptergen import writing; stage = writing._stage\n"
        "def limited(*arguments):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); stage(*arguments)\n"
        "writing._stage = limited; sys.exit(main(['build']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
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
