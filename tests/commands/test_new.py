"""`adaptergen new`: a spec that builds as it stands."""

from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from adaptergen.commands import model_types


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


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("solar_open", ["architecture: SolarOpenForCausalLM", "model_type: solar_open"]),
        ("solaropen", ["architecture: SolarOpenForCausalLM", "model_type: solar_open"]),
        ("arcee", ["architecture: ArceeForCausalLM"]),
        ("gpt2", ["architecture: GPT2LMHeadModel", "model_type: gpt2"]),
        ("nobody_knows", ["architecture: Nobody_knowsForCausalLM"]),
    ],
)
def test_class_and_type_are_those_of_transformers_where_it_has_them(
    project: Path, run, name: str, lines: list[str]
) -> None:
    assert run("new", name, "--extends", "llama").status == 0
    text = (project / "specs" / f"{name}.yaml").read_text()
    assert text.splitlines()[1 : 2 + len(lines)] == [*lines, "extends: llama"]
    assert run("build").status == 0


def test_type_is_that_of_the_class_that_is_named(project: Path, run) -> None:
    run("new", "mine", "--extends", "llama", "--architecture", "SolarOpenForCausalLM")
    assert "model_type: solar_open\n" in (project / "specs" / "mine.yaml").read_text()


@pytest.mark.parametrize("text", [None, "", "(", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = 3\n"])
def test_other_transformers_or_none_are_no_hindrance(
    project: Path, run, monkeypatch, text: str | None
) -> None:
    folder = project / "transformers"
    (folder / "models" / "auto").mkdir(parents=True)
    if text is not None:
        (folder / "models" / "auto" / "modeling_auto.py").write_text(text)
    found = ModuleSpec("transformers", None, origin=str(folder / "__init__.py"))
    monkeypatch.setattr(model_types, "find_spec", lambda name: found)
    assert run("new", "solar_open", "--extends", "llama").status == 0
    assert "Solar_openForCausalLM" in (project / "specs" / "solar_open.yaml").read_text()


def test_table_read_is_the_one_that_transformers_has() -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    usual = {k: v for k, v in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items() if isinstance(v, str)}
    assert model_types.language_models() == usual
