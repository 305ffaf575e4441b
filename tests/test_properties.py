"""What holds for every spec, whatever it says: nothing in it becomes code, nothing is lost."""

import ast
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruff import find_ruff_bin

from adaptergen.language.tree import Node, parse
from adaptergen.project import bundled
from adaptergen.registry import Entry
from adaptergen.spec.extends import IDENTITY, inheritable, merge
from adaptergen.spec.mistakes import validate
from adaptergen.spec.model import Spec
from adaptergen.targets.formatting import format_all
from adaptergen.targets.transformer_lens.render import Renderer
from adaptergen.targets.transformer_lens.view import class_name
from tests.drawn_specs import quick, specs

RENDERER = Renderer([bundled("templates")])
ROOT = Path(bundled("specs")).parent

# Keys of words of the language, and of names that the module uses as attributes.
FIXED = {
    "kind",
    "topology",
    "pairing",
    "padding_side",
    "weight",
    "layout",
    "returns",
    "first",
    "cached",
}
FIXED |= {"flag", "when", "count", "eps", "embedding", "residual", "multiply", "divide"}
FIXED |= {"query", "key_value", "head_dim"}
WORDS = ("all", "none", "valid", "hybrid_sliding", "handed", "sliding_layers")


def benign(data: Any, key: str = "") -> Any:
    """The same spec with harmless text in place of prose and of paths."""
    if key == "invalid":
        return "A reason."
    if key in ("summary", "title"):
        return "Text."
    if key == "notes":
        return ["A note." for _ in data]
    if key in ("tiny", "architecture", "aliases", "class_prefix"):
        return data
    if isinstance(data, dict):
        return {inner: benign(value, inner) for inner, value in data.items()}
    if isinstance(data, list):
        return [benign(value, key) for value in data]
    fixed = key in FIXED or data in WORDS
    # How many names a path has may matter.
    return (
        ".".join(["name"] * len(data.split("."))) if isinstance(data, str) and not fixed else data
    )


def shape(module: str) -> str:
    """A module's syntax tree, all text blanked."""
    tree = ast.parse(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@quick
@given(specs)
def test_spec_changes_texts_of_the_module_and_nothing_else(data: dict[str, Any]) -> None:
    rendered = RENDERER.adapter(Spec.model_validate(data))
    harmless = RENDERER.adapter(Spec.model_validate(benign(data)))
    assert shape(rendered) == shape(harmless)


def test_code_that_a_template_lets_through_changes_the_shape() -> None:
    assert shape('"""Text."""\nimport os\n""') != shape('"""Text.\nimport os\n"""')


@quick
@given(specs)
def test_prose_arrives_in_the_docstring_as_it_was_written(data: dict[str, Any]) -> None:
    spec = Spec.model_validate(data)
    docstring = ast.get_docstring(ast.parse(RENDERER.adapter(spec))) or ""
    words = docstring.split()
    for text in (spec.summary, *spec.notes):
        expected = text.split()
        starts = range(len(words) - len(expected) + 1)
        assert any(words[start : start + len(expected)] == expected for start in starts)


# Fewer than of others: each compiles all templates anew.
@settings(quick, max_examples=15)
@given(specs)
def test_rendering_is_a_pure_function(data: dict[str, Any]) -> None:
    spec, same = Spec.model_validate(data), Spec.model_validate(json.loads(json.dumps(data)))
    assert RENDERER.adapter(spec) == Renderer([bundled("templates")]).adapter(same)


def dumped(spec: Spec) -> bytes:
    """A spec as YAML; JSON is YAML that nothing can misread."""
    data = spec.model_dump(by_alias=True, exclude_defaults=True)
    return json.dumps(data, ensure_ascii=False).encode()


@quick
@given(specs)
def test_spec_that_is_dumped_and_loaded_is_the_same_spec(data: dict[str, Any]) -> None:
    spec = Spec.model_validate(data)
    assert validate(parse("dumped.yaml", dumped(spec))) == spec


@quick
@given(specs)
def test_variant_that_says_nothing_is_its_parent(data: dict[str, Any]) -> None:
    tree = parse("parent.yaml", json.dumps(data, ensure_ascii=False).encode())
    assert isinstance(tree.value, dict)
    identity = {key: node for key, node in tree.value.items() if key in IDENTITY}
    for silent in ({}, {"attention": {}}, {"mlp": {}, "tiny": {}}):
        child = parse("child.yaml", json.dumps({"summary": "x", **silent}).encode())
        assert isinstance(child.value, dict)
        own = {key: node for key, node in child.value.items() if key != "summary"} | identity
        merged = merge(inheritable(tree), Node(own, "child.yaml", 1, 1))
        assert validate(merged) == validate(tree)


@settings(quick, max_examples=50)
@given(specs, specs)
def test_variant_that_says_everything_is_itself(
    parent: dict[str, Any], child: dict[str, Any]
) -> None:
    trees = [parse("x.yaml", json.dumps(d, ensure_ascii=False).encode()) for d in (parent, child)]
    merged = validate(merge(inheritable(trees[0]), trees[1]))
    # `head_dim` is optional, and `tiny` takes keys of any name: there the parent's remain.
    expected = json.loads(json.dumps(child))
    heads = parent["attention"]["heads"]
    expected["attention"]["heads"] = {**heads, **child["attention"]["heads"]}
    expected["tiny"] = merge(*(tree.value["tiny"] for tree in trees)).plain()
    assert merged == Spec.model_validate(expected)


@settings(quick, max_examples=8)
@given(st.lists(specs, min_size=3, max_size=3))
def test_formatting_changes_no_code_and_leaves_nothing_to_format(
    batch: list[dict[str, Any]],
) -> None:
    rendered = {f"m{i}.py": RENDERER.adapter(Spec.model_validate(d)) for i, d in enumerate(batch)}
    formatted = format_all(rendered)
    assert {name: shape(text) for name, text in formatted.items()} == {
        name: shape(text) for name, text in rendered.items()
    }
    assert format_all(formatted) == formatted


def test_modules_and_registry_of_odd_specs_pass_the_linter(tmp_path: Path) -> None:
    llama = parse("llama.yaml", (ROOT / "specs" / "llama.yaml").read_bytes()).plain()
    entries = []
    for number, quote in enumerate(('"', '"""', "''' {{ x }} {% y %} #}", "é 尺 🙂")):
        reason = {"invalid": f"Because of {quote} and more, " + "at some length, " * 8 + "yes."}
        data = {
            **llama,
            "architecture": f"Odd{number}ForCausalLM",
            "aliases": [f"Alias{number}ForCausalLM"],
            "title": f"Odd {quote} one",
            "summary": f"The {quote} decoder {quote}",
            "notes": [f"It says {quote}. " + "And goes on. " * 12],
            "processing": {**llama["processing"], "fold_ln": reason},
        }
        data["attention"]["rope"]["layers"] = {"flag": "use_" + "rotary_" * 9 + "embeddings"}
        spec = Spec.model_validate(data)
        entries.append(Entry(f"odd{number}", class_name(spec), tuple(spec.architectures)))
        (tmp_path / f"odd{number}.py").write_text(
            format_all({"odd.py": RENDERER.adapter(spec)})["odd.py"], encoding="utf-8"
        )
    registry = format_all({"__init__.py": RENDERER.registry(entries)})["__init__.py"]
    (tmp_path / "__init__.py").write_text(registry, encoding="utf-8")
    config = ["--no-cache", "--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [find_ruff_bin(), *command, *config], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda p: p.stem)
def test_bundled_spec_that_is_dumped_and_loaded_is_the_same(path: Path) -> None:
    from adaptergen.spec.load import Loader

    spec = Loader([bundled("specs")]).load(str(path)).spec
    assert validate(parse("dumped.yaml", dumped(spec))) == spec
