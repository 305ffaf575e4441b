"""Where a project keeps its files."""

from pathlib import Path

import pytest

from adaptergen.errors import Failure, Unusable
from adaptergen.project import Project, bundled, find_project


def test_without_a_table_the_working_folder_is_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "adaptergen-user"\n')
    root = str(tmp_path)
    assert find_project(root) == Project(root, f"{root}/specs", f"{root}/generated")


def test_nearest_table_wins_and_its_paths_are_relative_to_it(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.adaptergen]\nspecs = "outer"\n')
    (tmp_path / "a" / "pyproject.toml").write_text(
        '[tool.adaptergen]\nspecs = "s/../t"\ntemplates = "/abs"\noutput = "."\n'
    )
    root = str(tmp_path / "a")
    assert find_project(str(inner)) == Project(root, f"{root}/t", root, "/abs")
    for text in ("[tool.other]\n", "[tool.other]\nname = 'adaptergen'\n"):
        (tmp_path / "a" / "pyproject.toml").write_text(text)
        assert find_project(str(inner)).specs == str(tmp_path / "outer")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[tool.other]\nspec = 1\n\n[tool.adaptergen]\nspec = "x"\n', 5),
        ('[tool]\nadaptergen = {spec = "x"}\n', 0),
        ('[tool.adaptergen]\nspec="x"\n[tool.other]\nspec = 2\n', 2),
    ],
)
def test_unknown_key_is_reported_where_it_stands(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(Failure) as failure:
        find_project(str(tmp_path))
    (mistake,) = failure.value.diagnostics
    assert mistake.line == line
    assert mistake.hint == "did you mean 'specs'?"


def test_name_that_no_folder_can_have_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.adaptergen]\noutput = "a\\u0000b"\n')
    with pytest.raises(Failure) as found:
        find_project(str(tmp_path))
    (mistake,) = found.value.diagnostics
    assert mistake.message == "'tool.adaptergen.output': expected a folder, as text"
    assert mistake.line == 2


def test_project_that_is_not_utf8_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"[tool.adaptergen] # \xff\n")
    with pytest.raises(Failure, match="not valid TOML"):
        find_project(str(tmp_path))


def test_own_templates_and_specs_go_before_the_bundled_ones(tmp_path: Path) -> None:
    project = Project(str(tmp_path), "s", "o", str(tmp_path))
    assert project.template_folders() == [str(tmp_path), bundled("templates")]
    assert project.spec_folders() == ["s", bundled("specs")]
    with pytest.raises(Unusable, match="no folder of templates"):
        project._replace(templates=str(tmp_path / "nowhere")).template_folders()
