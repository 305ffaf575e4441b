"""Links among generated modules and in the place of their folder, as strangers may bring them."""

import os
from pathlib import Path

import pytest

from tests.building import OTHER, replace, snapshot

LEFT = "a link, so it is left alone"


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is no part of the project."""
    return tmp_path_factory.mktemp("outside")


@pytest.mark.parametrize("there", [True, False], ids=["file", "nothing"])
@pytest.mark.parametrize("name", ["tiny.py", "mlp.py", "__init__.py"])
def test_module_that_is_a_link_is_replaced_only_by_force_and_never_written_through(
    built: Path, run, outside: Path, name: str, there: bool
) -> None:
    victim, module = outside / "victim", built / "generated" / name
    before = module.read_bytes()
    module.unlink()
    if there:
        victim.write_text("mine")
    module.symlink_to(victim)
    outcome = run("build")
    assert (outcome.status, outcome.out) == (1, "")
    assert f"generated/{name}: {LEFT}" in outcome.err
    assert run("build", "--force").status == 0
    assert not module.is_symlink()
    assert module.read_bytes() == before
    assert snapshot(outside) == ({"victim": b"mine"} if there else {})


def test_link_to_a_fresh_module_is_fresh_until_its_spec_changes(
    built: Path, run, outside: Path
) -> None:
    module = built / "generated" / "tiny.py"
    module.rename(outside / "tiny.py")
    module.symlink_to(outside / "tiny.py")
    assert run("build").out == "up to date: 2 adapters\n"
    before = snapshot(outside)
    replace(built / "specs" / "tiny.yaml", "A tiny", "The tiny")
    assert f"generated/tiny.py: {LEFT}" in run("build").err
    assert snapshot(outside) == before


def test_link_without_a_spec_is_removed_only_by_force_and_its_target_stays(
    built: Path, run, outside: Path
) -> None:
    module = built / "generated" / "other.py"
    module.rename(outside / "other.py")
    module.symlink_to(outside / "other.py")
    (built / "specs" / "other.yaml").unlink()
    assert f"generated/other.py: {LEFT}" in run("build").err
    assert module.is_symlink()
    assert run("build", "--force").status == 0
    assert not module.is_symlink()
    assert (outside / "other.py").exists()


@pytest.mark.parametrize("place", ["generated", "deep/er"])
def test_folder_that_a_link_puts_outside_of_the_project_is_not_written_to(
    project: Path, run, outside: Path, place: str
) -> None:
    (project / "specs" / "tiny.yaml").write_text(OTHER.replace("tiny", "llama"))
    (project / "pyproject.toml").write_text(f'[tool.adaptergen]\noutput = "{place}"\n')
    (project / place.partition("/")[0]).symlink_to(outside)
    outcome = run("build")
    assert outcome.status == 2
    assert f"{place} leads to {outside}" in outcome.err
    assert "outside of the project; give that folder with --out" in outcome.err
    assert run("build", "--force").status == 2
    assert list(outside.iterdir()) == []
    assert run("build", "--out", place).status == 0
    assert run("build", "--check").status == 0
    assert snapshot(outside)


def test_folder_that_is_a_link_inside_of_the_project_is_written_to(project: Path, run) -> None:
    (project / "specs" / "tiny.yaml").write_text(OTHER.replace("tiny", "llama"))
    (project / "real").mkdir()
    (project / "generated").symlink_to("real")
    assert run("build").status == 0
    assert (project / "real" / "tiny.py").exists()
    assert (project / "generated").is_symlink()


def test_folder_outside_that_pyproject_names_is_written_to(
    project: Path, run, outside: Path
) -> None:
    (project / "specs" / "tiny.yaml").write_text(OTHER.replace("tiny", "llama"))
    output = os.path.relpath(outside, project)
    (project / "pyproject.toml").write_text(f'[tool.adaptergen]\noutput = "{output}"\n')
    assert run("build").status == 0
    assert (outside / "tiny.py").exists()


def test_folder_that_is_a_link_to_nowhere_is_named(project: Path, run) -> None:
    (project / "specs" / "tiny.yaml").write_text(OTHER.replace("tiny", "llama"))
    (project / "generated").symlink_to("nowhere")
    outcome = run("build")
    assert (outcome.status, outcome.out) == (2, "")
    assert "generated is a link that leads nowhere" in outcome.err
    assert not (project / "nowhere").exists()
