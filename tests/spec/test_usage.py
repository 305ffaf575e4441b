"""Who uses the language, and examples of it."""

from pathlib import Path
from typing import Any

import pytest

from adaptergen.errors import Failure
from adaptergen.language.files import spec_files
from adaptergen.language.tree import Node, parse
from adaptergen.project import bundled
from adaptergen.spec.load import Loader, validate
from adaptergen.spec.reference import Entry, entries
from adaptergen.spec.usage import Example, Usage
from tests.spec.test_reference import at

LOADED = list(Loader([bundled("specs")]).load_all(spec_files(bundled("specs"))))
USAGE = Usage(LOADED)
ASKED = [(entry, word) for entry in entries() for word in ("", *(v.word for v in entry.values))]


def title(asked: tuple[Entry, str]) -> str:
    return " ".join(filter(None, [asked[0].path, asked[1]]))


def inside(part: Any, whole: Any) -> bool:
    """Whether a tree has all that another has."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and inside(part[key], whole[key]) for key in part)
    if isinstance(part, list) and isinstance(whole, list):
        return all(any(inside(item, other) for other in whole) for item in part)
    return bool(part == whole)


def spec_at(project: Path, name: str, text: str) -> None:
    (project / "specs" / f"{name}.yaml").write_text(text)


def usage_of(project: Path) -> Usage:
    folders = [str(project / "specs"), bundled("specs")]
    return Usage(Loader(folders).load_all(spec_files(folders[0])))


def test_every_key_has_an_example() -> None:
    assert [entry.path for entry in entries() if USAGE.example(entry) is None] == []


@pytest.mark.parametrize("asked", ASKED, ids=title)
def test_example_of_a_spec_stands_in_its_file(asked: tuple[Entry, str]) -> None:
    example = USAGE.example(*asked)
    if example and example.spec:
        file = Path(example.file)
        assert file.stem == example.spec
        assert example.spec in USAGE.of(*asked)
        assert inside(example.tree, parse(example.file, file.read_bytes()).plain())


def overlaid(part: Any, node: Node) -> Node:
    """A tree with a part laid over it; a facet of another kind is replaced."""
    if not isinstance(part, dict) or not isinstance(node.value, dict):
        return Node(_nodes(part), "", 1, 1)
    if any(node.value[tag].value != part[tag] for tag in ("kind", "topology") if tag in part):
        return Node(_nodes(part), "", 1, 1)
    merged = dict(node.value)
    for key, inner in part.items():
        blank = Node(None, "", 1, 1)
        merged[key] = overlaid(inner, merged.get(key, blank))
    return Node(merged, "", 1, 1)


def _nodes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: Node(_nodes(inner), "", 1, 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [Node(_nodes(inner), "", 1, 1) for inner in value]
    return value


EXAMPLES = [(asked, example) for asked in ASKED if (example := USAGE.example(*asked))]
MADE_UP = [(asked, example) for asked, example in EXAMPLES if not example.spec]


@pytest.mark.parametrize(("asked", "example"), MADE_UP, ids=[title(asked) for asked, _ in MADE_UP])
def test_made_up_example_is_valid_in_some_spec(asked: tuple[Entry, str], example: Example) -> None:
    assert USAGE.of(*asked) == []
    trees = [loaded.tree for loaded in LOADED]
    # No spec has what some of them stand in.
    (llama,) = [loaded.tree for loaded in LOADED if loaded.name == "llama"]
    trees += [overlaid(other.tree, llama) for _, other in MADE_UP]
    assert any(_is_valid(example, tree) for tree in trees)


def _is_valid(example: Example, tree: Node) -> bool:
    try:
        validate(overlaid(example.tree, tree))
    except Failure:
        return False
    return True


def test_example_that_breaks_the_language_is_found() -> None:
    example = Example("", "", {"attention": {"kind": "delegated", "softmax": "perhaps"}})
    assert not any(_is_valid(example, loaded.tree) for loaded in LOADED)


def test_example_comes_from_the_shortest_file_that_writes_the_key_itself(project: Path) -> None:
    start = "architecture: {}ForCausalLM\nextends: llama\nsummary: {}\n"
    spec_at(
        project, "long", start.format("Long", "Long." * 20) + "attention: {window: {flag: w}}\n"
    )
    spec_at(project, "short", start.format("Short", "S.") + "attention: {window: {flag: v}}\n")
    spec_at(project, "heir", "architecture: HeirForCausalLM\nextends: short\nsummary: H.\n")
    usage = usage_of(project)
    example = usage.example(at("attention.window"), "flag")
    assert example is not None
    assert (example.spec, example.tree) == ("short", {"attention": {"window": {"flag": "v"}}})
    assert usage.of(at("attention.window"), "flag") == ["heir", "long", "short"]


def test_example_of_a_key_says_the_kind_around_it() -> None:
    example = USAGE.example(at("mlp.router"))
    assert example is not None
    assert set(example.tree["mlp"]) == {"kind", "router"}


def test_bias_that_stands_for_all_is_the_example_of_each(project: Path) -> None:
    text = "architecture: AForCausalLM\nextends: llama\nsummary: A.\nmlp: {bias: use_bias}\n"
    spec_at(project, "a", text)
    example = usage_of(project).example(at("mlp.bias.gate"))
    assert example is not None
    assert example.tree == {"mlp": {"bias": "use_bias"}}


def test_key_at_its_default_is_not_used_but_its_word_is() -> None:
    assert "llama" not in USAGE.of(at("norm.weight"))
    assert "llama" in USAGE.of(at("norm.weight"), "scale")
    assert "gemma" in USAGE.of(at("norm.weight"))


def test_key_of_one_kind_is_not_used_by_specs_of_another() -> None:
    gated, plain = USAGE.of(at("mlp.in", "gated")), USAGE.of(at("mlp.in", "plain"))
    assert "llama" in gated
    assert "phi" in plain
    assert not set(gated) & set(plain)


def test_topology_of_a_layout_counts_as_one_of_block() -> None:
    assert "gpt_neox" in USAGE.of(at("block"), "parallel")


def test_names_that_specs_give_are_found() -> None:
    said = USAGE.saying("use_rope")
    assert said.keys() == {"attention.rope.layers.flag"}
    assert "smollm3" in said["attention.rope.layers.flag"]
