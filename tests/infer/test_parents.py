"""A child says what is left to say, all of it, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings

from adaptergen.errors import Failure
from adaptergen.infer.parents import InexpressibleError, child_of, nearest, resolved
from adaptergen.infer.text import spec_text
from adaptergen.language.files import spec_files
from adaptergen.language.tree import parse
from adaptergen.language.written import written
from adaptergen.project import bundled
from adaptergen.spec.load import LoadedSpec, Loader
from adaptergen.spec.model import Spec
from tests.drawn_specs import quick, specs

LOADED = {
    loaded.name: loaded
    for loaded in Loader([bundled("specs")]).load_all(spec_files(bundled("specs")))
}
NAMES = sorted(LOADED)
MAY_REMAIN = ("equivalent", "limits", "older")


def tree_of(name: str) -> dict[str, Any]:
    return written(LOADED[name].spec)


def loaded_of(data: dict[str, Any]) -> LoadedSpec:
    tree = parse("parent.yaml", json.dumps(data, ensure_ascii=False).encode())
    return LoadedSpec("parent", "parent.yaml", (), Spec.model_validate(data), tree)


def assert_same(found: Spec, target: Spec) -> None:
    """All is equal, but that more reasons may have been inherited, and what versions have."""
    own, more = target.verification, found.verification
    for name in MAY_REMAIN:
        assert getattr(more, name).items() >= getattr(own, name).items()
    exact = more.model_copy(update={name: getattr(own, name) for name in MAY_REMAIN})
    assert target.versions in ([], found.versions)
    kept = {"verification": exact, "versions": target.versions}
    assert found.model_copy(update=kept) == target


def leaves(value: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from leaves(inner, (*path, key))
        else:
            yield (*path, key)


def without(value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    rest = {key: inner for key, inner in value.items() if key != path[0]}
    return rest if len(path) == 1 else {**rest, path[0]: without(value[path[0]], path[1:])}


def becomes(name: str, parents: list[str]) -> None:
    for parent in parents:
        child = child_of(LOADED[parent], tree_of(name))
        assert child["extends"] == parent
        assert_same(resolved(LOADED[parent], child), LOADED[name].spec)


@pytest.mark.parametrize("name", NAMES)
def test_bundled_spec_can_extend_others(name: str) -> None:
    start = NAMES.index(name)
    becomes(name, [NAMES[(start + step) % len(NAMES)] for step in (0, 1, 7, 23, 41)])


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_bundled_spec_can_extend_any_other(name: str) -> None:
    becomes(name, NAMES)


@settings(quick, max_examples=30)
@given(specs, specs)
def test_any_spec_can_extend_any_other(parent: dict[str, Any], target: dict[str, Any]) -> None:
    loaded = loaded_of(parent)
    try:
        child = child_of(loaded, target)
    except InexpressibleError:
        nested = [value for value in loaded.spec.tiny.values() if isinstance(value, dict)]
        assert nested, "only inside a value of tiny is there something that cannot be taken out"
        assume(False)
    assert_same(resolved(loaded, child), Spec.model_validate(target))


@pytest.mark.parametrize(
    ("name", "parent"),
    [
        ("smollm3", "llama"),
        ("gptj", "deepseek_v3"),
        ("gemma3", "llama"),
        ("falcon", "phimoe"),
        ("llama", "falcon"),
        ("qwen2_moe", "afmoe"),
    ],
)
def test_no_line_of_a_child_can_be_left_out(name: str, parent: str) -> None:
    loaded = LOADED[parent]
    child = child_of(loaded, tree_of(name))
    whole = resolved(loaded, child)
    for path in leaves(child):
        if path == ("extends",):
            continue
        try:
            assert resolved(loaded, without(child, path)) != whole, path
        except Failure:
            continue


def test_bundled_children_are_found_again() -> None:
    assert child_of(LOADED["llama"], tree_of("smollm3")) == {
        "architecture": "SmolLM3ForCausalLM",
        "extends": "llama",
        "summary": LOADED["smollm3"].spec.summary,
        "attention": {
            "rope": {"layers": {"flag": "use_rope"}},
            "window": {"flag": "sliding_window"},
        },
        "tokenizer": {"prepend_bos": False},
        "tiny": {"use_sliding_window": True, "sliding_window": 8},
    }


def child(parent: str, **changes: Any) -> dict[str, Any]:
    """What a child says that is the parent of its parent but for changes, by dotted path."""
    target = tree_of("llama")
    for path, value in changes.items():
        *above, last = path.split("__")
        inner = target
        for key in above:
            inner = inner[key]
        inner[last] = value
    own = child_of(LOADED[parent], target)
    return {k: v for k, v in own.items() if k not in ("architecture", "extends", "summary")}


def test_biases_become_one_where_they_are_equal() -> None:
    apart = {"q": "attention_bias", "k": "attention_bias", "v": "attention_bias", "o": False}
    assert child("llama", attention__bias=apart) == {"attention": {"bias": apart}}
    assert child("seed_oss")["attention"]["bias"] == "attention_bias"


def test_one_of_several_biases_is_given_where_the_parent_gives_several() -> None:
    apart = {"q": "attention_bias", "k": "attention_bias", "v": "attention_bias", "o": True}
    assert child("glm4_moe", attention__bias=apart)["attention"]["bias"] == {"o": True}


def test_what_the_parent_has_set_is_unset() -> None:
    rope = {"cosines": "per_element"}
    assert child("gpt_oss")["attention"] == {"window": "none", "sinks": None, "rope": rope}
    assert child("falcon")["layouts"] == []
    assert child("granitemoeshared")["side_mlp"] is None
    assert child("qwen3")["attention"]["qk_norm"] == "none"
    assert child("falcon")["refused"] == {"alibi": None}
    assert child("smollm3")["tiny"] == {"use_sliding_window": None, "sliding_window": None}
    assert child("glm")["verification"]["float32"] is None


def test_reasons_of_the_parent_remain_and_are_not_copied() -> None:
    target = tree_of("smollm3")
    del target["verification"]["equivalent"]
    own = child_of(LOADED["llama"], target)
    assert "verification" not in own
    verification = resolved(LOADED["llama"], own).verification
    assert verification.equivalent == LOADED["llama"].spec.verification.equivalent


def test_value_inside_a_value_of_tiny_cannot_be_taken_out() -> None:
    parent = tree_of("llama")
    parent["tiny"]["rope_parameters"] = {"rope_theta": 500.0, "factor": 2.0}
    target = tree_of("llama")
    target["tiny"]["rope_parameters"] = {"rope_theta": 500.0}
    with pytest.raises(InexpressibleError):
        child_of(loaded_of(parent), target)
    assert [found.name for found in nearest(target, [loaded_of(parent)])] == [""]
    assert child_of(loaded_of(target), parent)["tiny"] == {"rope_parameters": {"factor": 2.0}}


@pytest.mark.parametrize(
    ("name", "parent"),
    [("ministral3", "mistral"), ("gemma3", "gemma2"), ("nemotron", "jais2"), ("olmo3", "olmo2")],
)
def test_nearest_parent_comes_first(name: str, parent: str) -> None:
    others = [loaded for loaded in LOADED.values() if loaded.name != name]
    found = nearest(tree_of(name), others)
    assert found[0].name == parent
    assert found[-1].loaded is None
    assert "extends" not in found[-1].child
    assert Spec.model_validate(found[-1].child) == LOADED[name].spec
    assert [parent.rank for parent in found] == sorted(parent.rank for parent in found)


def test_size_counts_what_the_architecture_is() -> None:
    target = tree_of("llama")
    target |= {
        "title": "Other",
        "tiny": {},
        "verification": {},
        "norm": {"kind": "rms", "eps": "e"},
    }
    own, alone = nearest(target, [LOADED["llama"]])
    assert own.child["norm"] == {"eps": "e"}
    assert (own.size, own.rank) == (1, (1, len(LOADED["llama"].spec.tiny) + 1, "llama"))
    assert alone.size > own.size


def test_equally_near_parents_are_ordered_by_the_files_to_read() -> None:
    """Qwen 3 differs from both in as many values."""
    names = [found.name for found in nearest(tree_of("qwen3"), LOADED.values())]
    assert names.index("qwen2") < names.index("hunyuan_v1_dense")


def test_child_that_is_written_and_loaded_is_the_target(tmp_path: Path) -> None:
    for name, parent in (("gemma3", "llama"), ("falcon", "afmoe"), ("cohere2", "gptj")):
        path = tmp_path / f"{name}.yaml"
        text = spec_text(child_of(LOADED[parent], tree_of(name)), {"tiny": "as HF's class has it"})
        path.write_text(text, encoding="utf-8")
        assert_same(
            Loader([str(tmp_path), bundled("specs")]).load(str(path)).spec, LOADED[name].spec
        )
