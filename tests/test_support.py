"""Modules that adapters import: Python in the folder of templates, copied by builds."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from adaptergen.stamp import read_stamp
from adaptergen.targets.transformer_lens import support
from tests.building import ROOT, replace

SOURCES = ROOT / "templates" / support.FOLDER
OWN = f"own/{support.FOLDER}/mlp.py"
COPY = "generated/mlp.py"


def body(path: Path) -> str:
    """The text of a generated module below its header."""
    header, last, text = path.read_text(encoding="utf-8").partition("\n# body ")
    assert header.startswith("# Code generated ")
    assert last
    return text.partition("\n")[2]


@pytest.fixture
def own(built: Path, run) -> Path:
    """A project's own module, in the place of a bundled one."""
    path = built / OWN
    path.parent.mkdir(parents=True)
    path.write_bytes((SOURCES / "mlp.py").read_bytes())
    (built / "pyproject.toml").write_text('[tool.adaptergen]\ntemplates = "own"\n')
    run("build")
    return path


@pytest.mark.parametrize("name", support.MODULES)
def test_bundled_modules_are_copied_as_they_are(name: str) -> None:
    copy = ROOT / "generated" / support.file(name)
    assert body(copy) == (SOURCES / support.file(name)).read_text(encoding="utf-8")
    found = read_stamp(str(copy))
    assert found is not None
    assert found.stamp.source == f"support/{name}.py"


def test_no_two_modules_define_the_same_class() -> None:
    nodes = [node for path in SOURCES.glob("*.py") for node in ast.parse(path.read_text()).body]
    classes = [n.name for n in nodes if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]
    assert [name for name, count in Counter(classes).items() if count > 1] == []
    assert {*support.classes()} == {*classes}


def test_a_module_of_the_project_takes_the_place_of_the_bundled_one(
    built: Path, own: Path, run
) -> None:
    assert run("build", "--check").status == 0
    replace(own, '"""', '"""Ours. ')
    assert f"stale: {COPY} (templates changed)" in run("build", "--check").out
    run("build")
    assert body(built / COPY) == own.read_text()
    assert body(built / "generated/joint.py") == (SOURCES / "joint.py").read_text()
    assert run("build", "--check", "--render").status == 0


def test_a_module_of_the_project_may_be_written_in_any_style(built: Path, own: Path, run) -> None:
    before = body(built / COPY)
    text = own.read_text().replace('"', "'").replace("'''", '"""')
    own.write_bytes(b"\xef\xbb\xbf" + text.encode().replace(b"\n", b"\r\n"))
    run("build")
    assert body(built / COPY) == before


def test_a_module_of_the_project_that_is_gone_gives_way_to_the_bundled_one(
    built: Path, own: Path, run
) -> None:
    replace(own, '"""', '"""Ours. ')
    run("build")
    own.unlink()
    assert f"stale: {COPY} (templates changed)" in run("build", "--check").out
    run("build")
    assert body(built / COPY) == (SOURCES / "mlp.py").read_text()


def test_other_python_in_a_folder_of_templates_counts_for_nothing(built: Path, run) -> None:
    (built / "pyproject.toml").write_text('[tool.adaptergen]\ntemplates = "."\n')
    run("build")
    (built / "notes.py").write_text("x = 1\n")
    assert run("build", "--check").status == 0
