"""`adaptergen schema`: fresh, and of one mind with `build` about what it can say."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from adaptergen.project import bundled

SPECS = sorted(Path(bundled("specs")).glob("*.yaml"))
HEAD = "architecture: XForCausalLM\nextends: llama\nsummary: X.\n"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    from adaptergen.spec.schema import json_schema

    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


def test_committed_schema_is_what_the_models_say(run) -> None:
    assert (Path(bundled("specs")) / "schema.json").read_text() == run("schema").out


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_bundled_spec_is_valid_and_points_to_the_schema(path: Path, validator) -> None:
    text = path.read_text()
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    assert list(validator.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "attention: {bias: {q: true}}",
        "attention: {bias: attention_bias}",
        "attention: {rope: {layers: {flag: use_rope}}}",
        "attention: {qk_norm: none}",
        "processing: {fold_ln: {invalid: because}}",
        "norm: {weight: offset}",
        "block: {ln1: input_norm}",
        "mlp: {act: hidden_activation}",
        "layouts: [{when: is_parallel, block: {topology: shared, ln1: input_norm}}]",
        "tiny: {head_dim: null}",
        "verification: {limits: {hidden_act=tanh: null}}",
    ],
)
def test_part_of_a_facet_is_enough_for_a_variant(text: str, validator) -> None:
    assert list(validator.iter_errors(yaml.safe_load(HEAD + text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "sumary: x",
        "attention: {roep: 1}",
        "attention: {bias: 3}",
        "attention: {bias: {z: true}}",
        "attention: {rope: {layers: {flg: use_rope}}}",
        "attention: {qk_norm: nome}",
        "paths: {embed: a b}",
        "tokenizer: {padding_side: middle}",
        "norm: {kind: rms, bias: true}",
        "block: {topology: sideways}",
        "layouts: [{when: is_parallel, blocks: {}}]",
        "verification: {limits: {hidden_act=tanh: 3}}",
    ],
)
def test_mistake_is_refused_by_the_schema_and_by_build(text: str, validator, project, run) -> None:
    assert list(validator.iter_errors(yaml.safe_load(HEAD + text)))
    (project / "specs" / "x.yaml").write_text(HEAD + text)
    assert run("build").status == 1


def test_schema_is_json(run) -> None:
    assert json.loads(run("schema").out)["properties"]["extends"]["type"] == "string"
