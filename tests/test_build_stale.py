"""What makes a module stale, and what does not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruff import find_ruff_bin

from adaptergen import stamp
from adaptergen.targets.transformer_lens import support
from tests.building import ROOT, TINY, replace, snapshot

SPEC, PARENT = "specs/other.yaml", "specs/tiny.yaml"
MODULE, REGISTRY = "generated/tiny.py", "generated/__init__.py"


def test_fresh_build_reads_each_file_once(built: Path, run, monkeypatch) -> None:
    reads: list[str] = []
    actual = stamp.read_bytes

    def count(path: str) -> bytes:
        reads.append(os.path.realpath(path))
        return actual(path)

    monkeypatch.setattr(stamp, "read_bytes", count)
    # Nothing is noted of builds of named specs: for that, all is looked at once more.
    assert run("build", "specs").out == "up to date: 2 adapters\n"
    assert {str(path) for path in (built / "generated").glob("*.py")} <= set(reads)
    assert len(reads) == len(set(reads))


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
    edited = {"edited by hand", "not written by adaptergen"} & set(stale.values())
    advice = "run `adaptergen build --force`, which discards edits"
    lines.append(advice if edited else "run `adaptergen build`")
    assert sorted(outcome.out.splitlines()) == sorted(lines)
    assert snapshot(built) == before


def test_changed_template_makes_every_module_stale(built: Path, run) -> None:
    own = built / "own"
    own.mkdir()
    shutil.copy(ROOT / "templates" / "docstring.py.j2", own)
    outcome = run("build", "--check", "--templates", "own")
    assert (outcome.status, outcome.out.count("templates changed")) == (1, 2 + len(support.FILES))
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


def test_spec_replaced_by_its_bundled_namesake_is_another_one(project: Path, run) -> None:
    spec = project / "specs" / "llama.yaml"
    spec.write_text("architecture: MyForCausalLM\nextends: llama\nsummary: My Llama.\n")
    run("build")
    shutil.copy(ROOT / "specs" / "llama.yaml", spec)
    assert run("build", "--check").out.startswith("stale: generated/llama.py (spec llama changed)")
    run("build")
    assert "LlamaForCausalLM" in (project / "generated" / "__init__.py").read_text()


def fake_formatter(folder: Path, version: str) -> Path:
    """A place that packages are installed to, with another version of ruff."""
    (folder / "ruff").mkdir(parents=True)
    program = f"def find_ruff_bin(): return {find_ruff_bin()!r}"
    (folder / "ruff" / "__init__.py").write_text(program)
    (folder / f"ruff-{version}.dist-info").mkdir()
    return folder


def test_another_version_of_the_formatter_makes_every_module_stale(
    built: Path, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(fake_formatter(tmp_path / "site", "0.8.1"))
    now = run("build", "--check").out
    assert now.count(" (formatter ruff is 0.8.1, was ") == 2 + len(support.FILES)


def test_only_the_formatter_that_headers_name_does_the_work(
    built: Path, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(built / "generated")
    monkeypatch.syspath_prepend(fake_formatter(tmp_path / "site", "0.8.1"))
    outcome = run("build")
    assert outcome.status == 2
    assert "ruff is 0." in outcome.err
    assert "the package ruff 0.8.1; install ruff anew" in outcome.err
    assert snapshot(built / "generated") == before


CHECKED = """
import sys; sys.path.insert(0, sys.argv[1])
from adaptergen.cli import main
status = main(["build", *sys.argv[2:]])
print(*sorted(m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "adaptergen"))
sys.exit(status)
"""


def built_by(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A build by the adaptergen of a checkout, which prints at last which modules it has loaded."""
    command = [sys.executable, "-P", "-c", CHECKED, str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_change_of_any_code_that_a_build_runs_makes_modules_stale(
    project: Path, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    for folder in ("adaptergen", "templates", "specs"):
        shutil.copytree(
            ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    (project / "specs" / "tiny.yaml").write_text(TINY)
    first = built_by(checkout)
    assert first.returncode == 0, first.stderr
    loaded = [Path(path) for path in first.stdout.splitlines()[-1].split()]
    read_or_printed = {"argument_values.py", "arguments.py", "cli.py", "report.py"}
    read_or_printed |= {f"commands/{name}.py" for name in ("__init__", "build", "signals")}
    read_or_printed |= {"quick.py"}
    covered = {
        name
        for path in loaded
        if (name := path.relative_to(checkout / "adaptergen").as_posix()) not in read_or_printed
    }
    assert covered >= {"registry.py", "spec/load.py", "targets/formatting.py", "build.py"}
    for name in sorted(covered):
        path = checkout / "adaptergen" / name
        text = path.read_text()
        path.write_text(text + "# changed\n")
        outcome = built_by(checkout, "--check")
        assert (outcome.returncode, "(generator changed)" in outcome.stdout) == (1, True), name
        path.write_text(text)
    assert built_by(checkout, "--check").returncode == 0


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


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("generator ", "generator 0", "generator changed"),
        ("Name of the spec", "A name of the spec", "edited by hand"),
        ("Code generated", "Code written", "not written by adaptergen"),
    ],
)
def test_schema_beside_the_specs_is_kept_up_to_date(
    built: Path, run, old: str, new: str, why: str
) -> None:
    schema, text = built / "specs" / "schema.json", run("schema").out
    schema.write_text(text)
    assert run("build", "--check").status == 0
    replace(schema, old, new)
    outcome = run("build", "--check")
    assert (outcome.status, outcome.out.splitlines()[0]) == (1, f"stale: specs/schema.json ({why})")
    if why != "generator changed":
        assert f"specs/schema.json: {why}, so it is left alone" in run("build").err
    assert run("build", "--force").out == f"wrote specs/schema.json ({why})\n"
    assert schema.read_text() == text


def test_schema_is_not_made_where_there_is_none_and_of_no_concern_to_a_part(
    built: Path, run
) -> None:
    assert not (built / "specs" / "schema.json").exists()
    (built / "specs" / "schema.json").write_text("{}")
    assert run("build", "tiny").status == 0
    assert run("build", "--check").status == 1
