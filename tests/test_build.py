"""What `build` writes and prints."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adaptergen import registry
from adaptergen.targets import formatting
from adaptergen.targets.transformer_lens import support
from tests.building import OTHER, ROOT, TINY, replace, snapshot


@pytest.fixture
def ruff_runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that rendering runs."""
    runs: list[list[str]] = []
    actual = subprocess.run

    def count(command: list[str], **options: object) -> object:
        runs.append(command)
        return actual(command, **options)

    monkeypatch.setattr(formatting.subprocess, "run", count)
    return runs


def test_modules_in_the_repository_are_what_build_makes_now(run, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    outcome = run("build", "--check")
    assert (outcome.status, outcome.err) == (0, ""), outcome.out
    beside = {registry.FILE, *support.FILES}
    paths = [path for path in sorted((ROOT / "generated").glob("*.py")) if path.name not in beside]
    printed = run("build", "--stdout").out
    assert printed == "".join(path.read_text() for path in paths)


def test_second_build_writes_nothing(built: Path, run) -> None:
    files = sorted((built / "generated").iterdir())
    for path in files:
        os.utime(path, ns=(1, 1))
    assert run("build").out == "up to date: 2 adapters\n"
    assert {path.stat().st_mtime_ns for path in files} == {1}


def test_build_writes_only_what_changed(built: Path, run) -> None:
    replace(built / "specs" / "other.yaml", "Another", "One more")
    outcome = run("build")
    assert outcome.out == "wrote generated/other.py (spec other changed)\n"
    assert "One more decoder." in (built / "generated" / "other.py").read_text()


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_bytes_are_the_same_for_any_hash_seed_folder_and_checkout(
    tmp_path: Path, seed: str
) -> None:
    checkout = tmp_path / seed / "copy"
    for folder in ("adaptergen", "templates", "specs"):
        ignored = shutil.ignore_patterns("__pycache__", "verify")
        shutil.copytree(ROOT / folder, checkout / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    (checkout / "deep").mkdir()
    program = (
        "import sys; sys.path.insert(0, '..'); from adaptergen import cli\n"
        "assert 'copy' in cli.__file__; cli.main(['build'])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-P", "-c", program]
    subprocess.run(command, cwd=checkout / "deep", env=environment, check=True)
    assert snapshot(checkout / "generated") == {
        path.name: path.read_bytes() for path in (ROOT / "generated").glob("*.py")
    }


def test_diff_shows_each_change_and_writes_nothing(built: Path, run) -> None:
    replace(built / "specs" / "tiny.yaml", "A tiny", "The tiny")
    (built / "specs" / "other.yaml").unlink()
    before = snapshot(built)
    outcome = run("build", "--diff")
    assert outcome.status == 1
    assert "--- a/generated/tiny.py\n+++ b/generated/tiny.py\n" in outcome.out
    assert "-A tiny decoder.\n+The tiny decoder.\n" in outcome.out
    assert "-class OtherArchitectureAdapter(BaseAdapter):\n" in outcome.out
    assert snapshot(built) == before


def test_diff_of_a_module_that_is_missing_is_all_of_it(built: Path, run) -> None:
    module = built / "generated" / "tiny.py"
    text = module.read_text()
    module.unlink()
    _, _, *added = run("build", "--diff").out.splitlines()
    assert added[1:] == [f"+{line}" for line in text.splitlines()]


def test_diff_of_what_is_fresh_is_empty(built: Path, run) -> None:
    outcome = run("build", "--diff", "--quiet")
    assert (outcome.status, outcome.out) == (0, "")


def test_stdout_prints_the_module_that_build_writes_and_writes_nothing(built: Path, run) -> None:
    expected = (built / "generated" / "tiny.py").read_text()
    shutil.rmtree(built / "generated")
    assert run("build", "tiny", "--stdout").out == expected
    assert not (built / "generated").exists()


def test_out_is_another_folder_with_the_same_bytes(built: Path, run) -> None:
    run("build", "--out", "elsewhere/modules")
    assert snapshot(built / "elsewhere" / "modules") == snapshot(built / "generated")


def test_build_of_one_spec_keeps_the_others_in_the_registry(built: Path, run) -> None:
    replace(built / "specs" / "other.yaml", "OtherForCausalLM", "RenamedForCausalLM")
    (built / "specs" / "tiny.yaml").touch()
    outcome = run("build", "specs/other.yaml")
    assert outcome.status == 0
    registry = (built / "generated" / "__init__.py").read_text()
    assert '"TinyForCausalLM": TinyArchitectureAdapter' in registry
    assert '"RenamedForCausalLM": RenamedArchitectureAdapter' in registry
    assert run("build", "--check").status == 0


def test_registry_lists_modules_in_ruffs_order(project: Path, run) -> None:
    for name in ("tiny10", "tiny2", "tiny"):
        text = TINY.replace("Tiny", name.capitalize())
        (project / "specs" / f"{name}.yaml").write_text(text)
    run("build")
    registry = (project / "generated" / "__init__.py").read_text()
    modules = [line.split()[1] for line in registry.splitlines() if line.startswith("from .")]
    assert modules == [".tiny", ".tiny2", ".tiny10"]


def test_fail_on_change_says_what_to_add(built: Path, run) -> None:
    assert run("build", "--fail-on-change").status == 0
    replace(built / "specs" / "other.yaml", "Another", "One more")
    outcome = run("build", "--fail-on-change", "--quiet", "--out", "my modules")
    assert outcome.status == 1
    assert outcome.out.splitlines()[-1] == (
        "now run: git add 'my modules/other.py' 'my modules/tiny.py'"
        + "".join(f" 'my modules/{file}'" for file in (*support.FILES, registry.FILE))
    )


def test_quiet_hides_success_but_no_mistake(built: Path, run) -> None:
    assert run("build", "--quiet") == (0, "", "")
    assert run("build", "--check", "--quiet") == (0, "", "")
    replace(built / "specs" / "other.yaml", "Another", "One more")
    assert "stale: generated/other.py" in run("build", "--check", "--quiet").out
    assert run("build", "--quiet") == (0, "", "")
    replace(built / "specs" / "other.yaml", "extends", "extend")
    assert "unknown key 'extend'" in run("build", "--quiet").err


def test_json_lists_what_was_written(built: Path, run) -> None:
    import json

    replace(built / "specs" / "other.yaml", "Another", "One more")
    change = {"file": "generated/other.py", "reason": "spec other changed"}
    assert json.loads(run("build", "--format", "json").out) == {"changes": [change], "errors": []}
    assert json.loads(run("build", "--format", "json").out) == {"changes": [], "errors": []}


def test_ruff_runs_once_for_all_modules_and_the_registry(
    project: Path, run, ruff_runs: list[list[str]]
) -> None:
    (project / "specs" / "tiny.yaml").write_text(TINY)
    (project / "specs" / "other.yaml").write_text(OTHER)
    run("build")
    assert len(ruff_runs) == 1
    run("build")
    run("build", "--check")
    assert len(ruff_runs) == 1


def test_folder_name_cannot_become_code_in_the_header(project: Path, run) -> None:
    odd = project / "x\nimport os # coding=rot13"
    odd.mkdir()
    (odd / "tiny.yaml").write_text(TINY)
    assert run("build", str(odd)).status == 0
    lines = (project / "generated" / "tiny.py").read_text().splitlines()
    assert lines[0] == (
        "# Code generated by adaptergen from x_import os _ coding_rot13/tiny.yaml. DO NOT EDIT."
    )
    assert run("build", "--check", str(odd)).status == 0
