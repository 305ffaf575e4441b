"""`adaptergen new`: a spec that builds as it stands."""

from pathlib import Path

import pytest


def test_new_spec_builds_as_it_stands(project: Path, run) -> None:
    outcome = run("new", "mymodel", "--extends", "smollm3")
    assert outcome.status == 0
    assert "wrote specs/mymodel.yaml" in outcome.out
    assert run("build").status == 0
    assert "class MymodelArchitectureAdapter" in (project / "generated" / "mymodel.py").read_text()


def test_architecture_can_be_named(project: Path, run) -> None:
    run("new", "mymodel", "--extends", "llama", "--architecture", "MyModelForCausalLM")
    assert "architecture: MyModelForCausalLM\n" in (project / "specs" / "mymodel.yaml").read_text()


def test_schema_is_put_beside_the_spec_where_there_is_none(project: Path, run) -> None:
    run("new", "one", "--extends", "llama")
    schema = project / "specs" / "schema.json"
    assert schema.read_text() == run("schema").out
    schema.write_text("{}")
    run("new", "two", "--extends", "llama")
    assert schema.read_text() == "{}"


def test_existing_spec_is_left_alone(project: Path, run) -> None:
    path = project / "specs" / "mine.yaml"
    path.write_text("mine")
    outcome = run("new", "mine", "--extends", "llama")
    assert outcome.status == 1
    assert "specs/mine.yaml: exists already" in outcome.err
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["My-Model", "--extends", "llama"], "My-Model: not a spec's name"),
        (["hook_aware", "--extends", "llama"], "'hook_aware' is not a name for a spec"),
        (["mymodel", "--extends", "lama"], "lama: no such spec"),
        (["mymodel", "--extends", "llama", "--architecture", "my"], "expected a class name"),
    ],
)
def test_mistake_is_reported_and_nothing_written(project, run, arguments, message) -> None:
    outcome = run("new", *arguments)
    assert outcome.status == 1
    assert message in outcome.err
    assert list((project / "specs").iterdir()) == []


def test_what_was_written_is_told_to_programs(project: Path, run) -> None:
    import json

    told = json.loads(run("new", "mymodel", "--extends", "llama", "--format", "json").out)
    assert [change["file"] for change in told["changes"]] == [
        "specs/mymodel.yaml", "specs/schema.json",
    ]  # fmt: skip
