"""What `build` writes, leaves alone, removes and refuses."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adaptergen import stamp
from adaptergen.project import bundled
from adaptergen.render import formatting

ROOT = Path(bundled("specs")).parent
TINY = "architecture: TinyForCausalLM\nextends: llama\nsummary: A tiny decoder.\n"
OTHER = "architecture: OtherForCausalLM\nextends: tiny\nsummary: Another decoder.\n"


@pytest.fixture
def built(project: Path, run) -> Path:
    """A project of two specs, one extending the other, with its modules built."""
    (project / "specs" / "tiny.yaml").write_text(TINY)
    (project / "specs" / "other.yaml").write_text(OTHER)
    assert run("build").status == 0
    return project


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


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_modules_in_the_repository_are_what_build_makes_now(run, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    outcome = run("build", "--check")
    assert (outcome.status, outcome.err) == (0, ""), outcome.out
    modules = [path.read_text() for path in sorted((ROOT / "generated").glob("*.py"))]
    printed = run("build", "--stdout").out
    assert printed == "".join(modules[1:])


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


SPEC, PARENT = "specs/other.yaml", "specs/tiny.yaml"
MODULE, REGISTRY = "generated/tiny.py", "generated/__init__.py"


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        (SPEC, "Another", "another", {"generated/other.py": "spec other changed"}),
        (
            PARENT, "A tiny", "A Tiny",
            {"generated/tiny.py": "spec tiny changed", "generated/other.py": "spec tiny changed"},
        ),
        (MODULE, "A tiny", "A Tiny", {MODULE: "edited by hand"}),
        (MODULE, "specs/tiny.yaml", "specs/tony.yaml", {MODULE: "made from specs/tony.yaml"}),
        (MODULE, "Code gen", "code gen", {MODULE: "not written by adaptergen"}),
        (MODULE, "# Edit", "# edit", {MODULE: "edited by hand"}),
        (MODULE, "# adapter Tiny", "# adapter Tinx", {MODULE: "edited by hand"}),
        (MODULE, "# spec tiny ", "# spec tiny f", {MODULE: "spec tiny changed"}),
        (MODULE, "# spec llama ", "# spec lama ", {MODULE: "edited by hand"}),
        (MODULE, "# generator ", "# generator f", {MODULE: "generator changed"}),
        (MODULE, "# templates ", "# templates f", {MODULE: "templates changed"}),
        (MODULE, "# body ", "# body f", {MODULE: "edited by hand"}),
        (MODULE, "# templates ", "# extra 1\n# templates ", {MODULE: "edited by hand"}),
        (REGISTRY, "ADAPTERS", "adapters", {REGISTRY: "edited by hand"}),
        (REGISTRY, "# adapters ", "# adapters f", {REGISTRY: "adapters changed"}),
    ],
)  # fmt: skip
def test_one_changed_byte_is_found_and_explained(
    built: Path, run, file: str, old: str, new: str, stale: dict[str, str]
) -> None:
    replace(built / file, old, new)
    before = snapshot(built)
    outcome = run("build", "--check")
    lines = sorted(f"stale: {path} ({reason})" for path, reason in stale.items())
    assert outcome.status == 1
    assert sorted(outcome.out.splitlines()) == sorted([*lines, "run `adaptergen build`"])
    assert snapshot(built) == before


def test_changed_template_makes_every_module_stale(built: Path, run) -> None:
    own = built / "own"
    own.mkdir()
    shutil.copy(ROOT / "templates" / "docstring.py.j2", own)
    outcome = run("build", "--check", "--templates", "own")
    assert (outcome.status, outcome.out.count("templates changed")) == (1, 2)
    run("build", "--templates", "own")
    assert run("build", "--check", "--templates", "own").status == 0
    (own / "docstring.py.j2").write_text('"""One line for {{ title | prose }}."""\n')
    assert run("build", "--check", "--templates", "own").status == 1
    run("build", "--templates", "own")
    assert '"""One line for Tiny."""' in (built / "generated" / "tiny.py").read_text()


def test_line_endings_do_not_make_a_module_stale(built: Path, run) -> None:
    for path in [*(built / "specs").iterdir(), *(built / "generated").iterdir()]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert run("build", "--check").status == 0


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
    assert outcome.status == 2
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


def test_diff_shows_each_change_and_writes_nothing(built: Path, run) -> None:
    replace(built / "specs" / "tiny.yaml", "A tiny", "The tiny")
    (built / "specs" / "other.yaml").unlink()
    before = snapshot(built)
    outcome = run("build", "--diff")
    assert outcome.status == 1
    assert "--- a/generated/tiny.py\n+++ b/generated/tiny.py\n" in outcome.out
    assert "-A tiny decoder.\n+The tiny decoder.\n" in outcome.out
    assert "-class OtherArchitectureAdapter(ArchitectureAdapter):\n" in outcome.out
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


@pytest.mark.parametrize(
    "argument", ["tiny", "specs/tiny.yaml", "./specs/../specs/tiny.yaml", "{}/specs/tiny.yaml"]
)
def test_spec_is_named_by_its_name_or_by_any_path(project: Path, run, argument: str) -> None:
    (project / "specs" / "tiny.yaml").write_text(TINY)
    (project / "specs" / "other.yaml").write_text(OTHER)
    assert run("build", argument.format(project)).out == (
        "wrote generated/tiny.py (missing)\nwrote generated/__init__.py (missing)\n"
    )


def test_spec_named_twice_is_built_once(built: Path, run) -> None:
    outcome = run("build", "tiny", "specs/tiny.yaml", "specs", str(built / "specs"))
    assert (outcome.status, outcome.out) == (0, "up to date: 2 adapters\n")


def test_project_is_found_from_a_folder_inside_it(project: Path, run, monkeypatch) -> None:
    (project / "pyproject.toml").write_text('[tool.adaptergen]\nspecs = "s"\noutput = "o/p"\n')
    (project / "s").mkdir()
    (project / "s" / "tiny.yaml").write_text(TINY)
    (project / "inner").mkdir()
    monkeypatch.chdir(project / "inner")
    assert run("build").status == 0
    assert (
        (project / "o" / "p" / "tiny.py")
        .read_text()
        .startswith("# Code generated by adaptergen from s/tiny.yaml. DO NOT EDIT.\n")
    )


def test_parent_is_looked_for_in_the_project_first_and_in_the_bundled_specs_second(
    project: Path, run
) -> None:
    (project / "specs" / "tiny.yaml").write_text(TINY)
    run("build")
    module = project / "generated" / "tiny.py"
    assert "`q_proj`" not in module.read_text()
    assert '"q_proj"' in module.read_text()
    own = (ROOT / "specs" / "llama.yaml").read_text().replace("q: q_proj", "q: query")
    (project / "specs" / "llama.yaml").write_text(own)
    assert "stale: generated/tiny.py (spec llama changed)" in run("build", "--check").out
    run("build")
    assert '"query"' in module.read_text()


def test_spec_can_extend_its_bundled_namesake(project: Path, run) -> None:
    spec = project / "specs" / "llama.yaml"
    spec.write_text("architecture: LlamaForCausalLM\nextends: llama\nsummary: My Llama.\n")
    assert run("build").status == 0
    assert run("build", "--check").status == 0
    replace(spec, "My", "Your")
    assert run("build", "--check").out.startswith("stale: generated/llama.py (spec llama changed)")
    run("build")
    assert "Your Llama." in (project / "generated" / "llama.py").read_text()


def test_removed_parent_is_named_by_check_and_build_says_where(built: Path, run) -> None:
    (built / "specs" / "tiny.yaml").unlink()
    assert "stale: generated/other.py (spec tiny is gone)" in run("build", "--check").out
    assert run("build").err.startswith("specs/other.yaml:2:10: 'extends': no spec is called 'tiny'")


def test_spec_that_became_unreadable_is_reported_even_when_its_module_is_there(
    built: Path, run
) -> None:
    (built / "specs" / "tiny.yaml").unlink()
    (built / "specs" / "tiny.yaml").symlink_to("nowhere")
    outcome = run("build")
    assert (outcome.status, outcome.err) == (
        1,
        "specs/tiny.yaml: cannot be read: No such file or directory\n",
    )


def test_fail_on_change_says_what_to_add(built: Path, run) -> None:
    assert run("build", "--fail-on-change").status == 0
    replace(built / "specs" / "other.yaml", "Another", "One more")
    outcome = run("build", "--fail-on-change", "--quiet", "--out", "my modules")
    assert outcome.status == 1
    assert outcome.out.splitlines()[-1] == (
        "now run: git add 'my modules/other.py' 'my modules/tiny.py' 'my modules/__init__.py'"
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
