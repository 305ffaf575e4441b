"""`adaptergen infer --out`: what is written, and where nothing is."""

from pathlib import Path

import pytest

from adaptergen.infer.run import Inference
from adaptergen.targets.transformer_lens import support
from tests.commands.inferences import (
    CLASS,
    CONCEDED,
    FAILING,
    NOTHING_FOUND,
    PROVEN,
    SMOLLM3,
    files,
    spec_in,
)


def test_out_writes_spec_module_and_schema(project: Path, run, inferring) -> None:
    inferring(PROVEN)
    outcome = run("infer", CLASS, "--out", "specs/mine.yaml")
    assert outcome.status == 0
    assert files(project) == [
        *sorted(f"generated/{file}" for file in ("__init__.py", "mine.py", *support.FILES)),
        "specs/mine.yaml",
        "specs/schema.json",
    ]
    assert (project / "specs" / "schema.json").read_text() == run("schema").out
    assert "wrote specs/mine.yaml\n" in outcome.out
    assert "wrote generated/mine.py\n" in outcome.out
    assert "proven, 1 check, 1 skipped" in outcome.out
    assert outcome.err == ""
    assert run("build", "--check").status == 0


def test_out_elsewhere_writes_no_module(project: Path, run, inferring) -> None:
    (project / "drafts").mkdir()
    inferring(PROVEN)
    assert run("infer", CLASS, "--out", "drafts/mine.yaml").status == 0
    assert files(project) == ["drafts/mine.yaml", "drafts/schema.json"]


def test_schema_that_is_there_is_left_alone(project: Path, run, inferring) -> None:
    (project / "specs" / "schema.json").write_text("{}")
    inferring(PROVEN)
    run("infer", CLASS, "--out", "specs/mine.yaml")
    assert (project / "specs" / "schema.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Mine.yaml", "'Mine' is not a name for a spec; it becomes a module: write it in"),
        ("my-model.yaml", "'my-model' is not a name for a spec; it becomes a module"),
        ("mine.yml", "a spec's file ends in .yaml"),
        ("mine", "a spec's file ends in .yaml"),
        ("1st.yaml", "'1st' is not a name for a spec; it becomes a module"),
        ("class.yaml", "'class' is not a name for a spec; it becomes a module"),
        ("specs/joint.yaml", "'joint' is not a name for a spec; adapters import a module"),
        ("specs/.yaml", "a spec's file ends in .yaml"),
    ],
)
def test_bad_name_of_a_file_is_refused_at_once(
    project: Path, run, inferring, name: str, why: str
) -> None:
    asked = inferring(PROVEN)
    outcome = run("infer", CLASS, "--out", name)
    assert outcome.status == 2
    assert f"--out {name}: {why}" in outcome.err
    assert (files(project), asked, outcome.out) == ([], [], "")


def test_existing_spec_is_left_alone_unless_forced(project: Path, run, inferring) -> None:
    path = project / "specs" / "mine.yaml"
    path.write_text("mine")
    asked = inferring(PROVEN)
    outcome = run("infer", CLASS, "--out", "specs/mine.yaml")
    assert outcome.status == 1
    assert "specs/mine.yaml: exists already, so it is left alone" in outcome.err
    assert (path.read_text(), asked) == ("mine", [])
    assert run("infer", CLASS, "--out", "specs/mine.yaml", "--force").status == 0
    assert "architecture: SmolLM3ForCausalLM" in path.read_text()


@pytest.mark.parametrize("inference", [CONCEDED, FAILING, NOTHING_FOUND])
def test_nothing_is_written_where_something_is_not_explained(
    project: Path, run, inferring, inference: Inference
) -> None:
    inferring(inference)
    outcome = run("infer", CLASS, "--out", "specs/mine.yaml")
    assert outcome.status == 1
    assert "SmolLM3ForCausalLM: not fully explained" in outcome.out
    assert files(project) == []
    assert run("infer", CLASS).out == ""


@pytest.mark.parametrize("inference", [CONCEDED, FAILING])
def test_partial_writes_what_there_is(project: Path, run, inferring, inference: Inference) -> None:
    inferring(inference)
    outcome = run("infer", CLASS, "--partial", "--out", "specs/mine.yaml")
    assert outcome.status == 1
    assert "specs/mine.yaml" in files(project)
    assert spec_in(run("infer", CLASS, "--partial").out, project).attention == SMOLLM3.attention


def test_partial_has_nothing_to_write_without_a_spec(project: Path, run, inferring) -> None:
    inferring(NOTHING_FOUND)
    outcome = run("infer", CLASS, "--partial")
    assert (outcome.status, outcome.out) == (1, "")
    assert "  no embedding reads the tokens\n" in outcome.err
