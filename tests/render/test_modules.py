"""The modules in `generated`: clean, typed, and independent of adaptergen."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruff import find_ruff_bin

from adaptergen.project import bundled
from adaptergen.targets.transformer_lens.names import PUBLIC_API

FOLDER = Path(bundled("generated"))
CONFIG = FOLDER.parent / "pyproject.toml"
MODULES = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["check", "format"])
def test_modules_pass_ruff(command: list[str]) -> None:
    options = ["--no-cache", "--config", str(CONFIG), str(FOLDER)]
    done = subprocess.run(
        [find_ruff_bin(), *command, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules_import_the_libraries_only_beside_the_standard_library(path: Path) -> None:
    tops = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            tops.add(str(node.module).split(".")[0])
    assert tops <= {*sys.stdlib_module_names, "torch", "transformer_lens", "transformers"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_first_line_marks_the_module_as_generated(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# Code generated ")
    assert first.endswith(" DO NOT EDIT.")


def test_templates_name_public_classes_only() -> None:
    assert [name for name in PUBLIC_API if name.startswith("_")] == []
    assert [place for place in PUBLIC_API.values() if "._" in place] == []


@pytest.mark.full
def test_modules_pass_mypy_with_the_types_of_tl(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "generated")
    options = [
        "--strict",
        "--follow-imports=silent",
        "--cache-dir",
        str(CONFIG.parent / ".mypy_cache"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "generated"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
