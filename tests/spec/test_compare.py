"""What two specs say differently."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from adaptergen.language.files import spec_files
from adaptergen.language.walk import fields_of
from adaptergen.language.written import written
from adaptergen.project import bundled
from adaptergen.spec.compare import (
    NOT_SEMANTIC,
    Difference,
    differences,
    facets,
    semantic_differences,
)
from adaptergen.spec.load import Loader
from adaptergen.spec.model import Spec
from tests.drawn_specs import quick, specs

LOADED = {
    loaded.name: loaded.spec
    for loaded in Loader([bundled("specs")]).load_all(spec_files(bundled("specs")))
}


def changed(spec: str, path: str, value: Any) -> Spec:
    """A bundled spec that says something else at a dotted path."""
    data = written(LOADED[spec])
    *above, last = path.split(".")
    inner = data
    for key in above:
        inner = inner[key]
    inner[last] = value
    return Spec.model_validate(data)


def said(one: Spec, other: Spec) -> list[tuple[str, Any, Any]]:
    return [(d.path, d.left, d.right) for d in semantic_differences(one, other)]


def test_smollm3_differs_from_llama_in_two_facets() -> None:
    assert semantic_differences(LOADED["llama"], LOADED["smollm3"]) == [
        Difference("attention.rope.layers", "all", {"flag": "use_rope"}),
        Difference("attention.window", "none", {"flag": "sliding_window"}),
    ]


def test_the_rest_is_names_and_what_verification_needs() -> None:
    found = differences(LOADED["llama"], LOADED["smollm3"])
    assert [d.path for d in found if not d.semantic] == [
        "architecture", "summary", "tokenizer.prepend_bos", "tiny.use_sliding_window",
        "tiny.sliding_window",
    ]  # fmt: skip
    assert found[0] == Difference("architecture", "LlamaForCausalLM", "SmolLM3ForCausalLM")
    assert (found[-1].left, found[-1].right) == (None, 8)


def test_ignored_paths_are_left_out_with_what_is_below() -> None:
    found = differences(LOADED["llama"], LOADED["smollm3"], ignoring=("tiny", "attention.rope"))
    assert [d.path for d in found] == [
        "architecture", "summary", "attention.window", "tokenizer.prepend_bos",
    ]  # fmt: skip
    assert differences(LOADED["olmo"], LOADED["olmo2"], ignoring=Spec.model_fields) == []


def test_facet_of_another_kind_has_its_kind_and_its_keys() -> None:
    paths = {d.path: (d.left, d.right) for d in differences(LOADED["llama"], LOADED["mixtral"])}
    assert paths["mlp.kind"] == ("gated", "moe")
    assert paths["mlp.gate"] == ("gate_proj", None)
    assert paths["mlp.router"] == (None, "gate")
    assert "mlp.path" not in paths
    assert "mlp" not in paths


def test_biases_are_compared_as_they_are_written() -> None:
    apart = {"q": "attention_bias", "k": "attention_bias", "v": "attention_bias", "o": False}
    assert said(LOADED["llama"], changed("llama", "attention.bias", apart)) == [
        ("attention.bias", "attention_bias", apart)
    ]
    equal = dict.fromkeys("qkvo", "attention_bias")
    assert said(LOADED["llama"], changed("llama", "attention.bias", equal)) == []


def test_numbers_that_layouts_depend_on_are_compared() -> None:
    layouts = LOADED["falcon"].model_dump(by_alias=True)["layouts"]
    without = [{**layout, "unless": {}} for layout in layouts]
    assert said(LOADED["falcon"], changed("falcon", "layouts", without)) == [
        ("layouts.new_decoder_architecture.unless", {"num_ln_in_parallel_attn": 1}, None)
    ]


def test_layouts_are_compared_by_what_they_depend_on() -> None:
    usual = LOADED["falcon"].model_dump(by_alias=True)["layouts"]
    block = {"topology": "shared", "ln1": "ln_attn"}
    layouts = [usual[1], {**usual[0], "block": block}]
    when = ["new_decoder_architecture", "parallel_attn"]
    assert said(LOADED["falcon"], changed("falcon", "layouts", layouts)) == [
        ("layouts", when, when[::-1]),
        ("layouts.new_decoder_architecture.topology", "parallel", "shared"),
        ("layouts.new_decoder_architecture.ln2", "ln_mlp", None),
    ]


def test_order_of_opaque_modules_says_nothing() -> None:
    one, other = (changed("llama", "opaque", names) for names in (["a", "b"], ["b", "a"]))
    assert differences(one, other) == []
    assert said(one, LOADED["llama"]) == [("opaque", ["a", "b"], [])]


@pytest.mark.parametrize(
    ("spec", "path", "value"),
    [
        ("granitemoeshared", "processing.fold_ln", {"invalid": "Another reason."}),
        (
            "gpt_oss",
            "processing.compatibility_mode",
            {"invalid_where": {"key": "attention_bias", "reason": "Another reason."}},
        ),
        ("falcon", "refused.alibi", "Another reason."),
    ],
)
def test_wording_of_a_reason_is_not_semantic(spec: str, path: str, value: Any) -> None:
    other = changed(spec, path, value)
    assert [d.path for d in differences(LOADED[spec], other)] == [path]
    assert semantic_differences(LOADED[spec], other) == []


@pytest.mark.parametrize(
    ("spec", "path", "value"),
    [
        ("llama", "processing.fold_ln", {"invalid": "A reason."}),
        (
            "gpt_oss",
            "processing.compatibility_mode",
            {"invalid_where": {"key": "other", "reason": "Same."}},
        ),
        ("gpt_oss", "processing.compatibility_mode", {"invalid": "Everywhere."}),
        ("falcon", "refused", {}),
    ],
)
def test_what_there_is_a_reason_for_is_semantic(spec: str, path: str, value: Any) -> None:
    (found,) = semantic_differences(LOADED[spec], changed(spec, path, value))
    assert found.path.startswith(path)


def test_value_of_another_type_is_another_value() -> None:
    (found,) = differences(
        changed("llama", "tiny.switch", True), changed("llama", "tiny.switch", 1)
    )
    assert (found.path, found.left, found.right) == ("tiny.switch", True, 1)


@settings(quick, max_examples=40)
@given(specs, specs)
def test_specs_without_a_difference_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    left, right = Spec.model_validate(one), Spec.model_validate(other)
    again = Spec.model_validate(json.loads(json.dumps(one)))
    assert differences(left, again) == []
    assert bool(differences(left, right)) == (left != right)
    swapped = {d.path: (d.right, d.left, d.semantic) for d in differences(right, left)}
    assert {d.path: (d.left, d.right, d.semantic) for d in differences(left, right)} == swapped


@pytest.mark.parametrize("name", sorted(LOADED))
def test_facets_come_in_the_order_of_the_language(name: str) -> None:
    order = [str(key) for key in fields_of(Spec)]
    found = [path.split(".")[0] for path in facets(LOADED[name])]
    assert found == sorted(found, key=order.index)


def test_what_is_not_semantic_are_keys_of_the_language() -> None:
    assert {path.split(".")[0] for path in NOT_SEMANTIC} <= {str(key) for key in fields_of(Spec)}
