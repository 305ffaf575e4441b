"""Text of a spec: it reads back as the same tree, and as one written by hand."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptergen.infer.text import flow, spec_text
from adaptergen.language.tree import parse
from adaptergen.language.written import written
from adaptergen.project import bundled
from adaptergen.spec.load import Loader
from adaptergen.spec.schema import LINE
from tests.drawn_specs import NASTY, quick, specs, values

SPECS = sorted(Path(bundled("specs")).glob("*.yaml"))
TRAPS = (
    "no", "yes", "null", "~", "", " ", "true", "1e-6", "1.5", "010", "0o7", "1_000", "12:30",
    "0x1F", "2001-01-01", ".inf", "- a", "-", "? a", ": a", "a: b", "a:", "a #b", "#a", "a, b",
    "[a", "{a}", "&a", "*a", "!a", "|", ">-", "%a", "@a", "`a", "--- a", "...", "<<", "=", "'a'",
    "a'b", "a ", " a", "a  b", "a\\b", "\x00", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "é",
    "尺", "🙂",
)  # fmt: skip
texts = st.sampled_from((*TRAPS, *NASTY)) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=60
)
long_texts = st.lists(texts, min_size=1, max_size=30).map(" ".join)
trees = st.recursive(
    texts | long_texts | st.none() | st.booleans() | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def read(text: str) -> Any:
    return parse("spec.yaml", text.encode()).plain()


def commented(tree: dict[str, Any], **evidence: str) -> list[str]:
    """The lines but the first, with evidence for dotted paths, `__` for a dot."""
    paths = {path.replace("__", "."): said for path, said in evidence.items()}
    text = spec_text(tree, paths)
    assert read(text) == tree
    return text.splitlines()[1:]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_bundled_spec_reads_back_as_it_was(path: Path) -> None:
    child = read(path.read_text())
    text = spec_text(child, {})
    assert read(text) == child
    assert max(map(len, text.splitlines())) <= 100
    assert text.startswith(f"{LINE}\narchitecture: ")


@pytest.mark.parametrize("name", ["smollm3", "gpt_oss", "minimax_m2", "gpt_neox", "persimmon"])
def test_bundled_spec_is_written_as_it_is(name: str) -> None:
    path = Path(bundled("specs")) / f"{name}.yaml"
    assert spec_text(read(path.read_text()), {}) == path.read_text()


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_whole_spec_reads_back(path: Path) -> None:
    tree = written(Loader([bundled("specs")]).load(str(path)).spec)
    evidence = {"attention": "why", "attention.heads.query": "seen", "mlp.act": "x " * 90}
    assert read(spec_text(tree, evidence)) == tree


@quick
@given(specs)
def test_any_spec_reads_back(data: dict[str, Any]) -> None:
    assert read(spec_text(data, {})) == data


@quick
@given(st.dictionaries(texts, trees, min_size=1, max_size=5), long_texts)
def test_anything_reads_back_whatever_the_evidence(tree: dict[str, Any], said: str) -> None:
    evidence = dict.fromkeys((*tree, *(f"{key}.0" for key in tree)), said)
    assert read(spec_text(tree, evidence)) == tree


@quick
@given(values)
def test_value_on_one_line_reads_back(value: Any) -> None:
    text = flow(value)
    assert read(f"key: {text}") == {"key": value}
    assert len(text.splitlines()) <= 1


@pytest.mark.parametrize("text", TRAPS)
def test_text_is_quoted_where_it_would_be_misread(text: str) -> None:
    assert read(spec_text({"summary": text, text: [text, {text: text}]}, {})) == {
        "summary": text, text: [text, {text: text}]
    }  # fmt: skip


def test_quotes_are_used_where_they_are_needed_only() -> None:
    tree = {
        "summary": "Plain, with commas.",
        "title": "Colon: quoted",
        "tiny": {"a": "no", "b": "1e-6", "c": 1e-6, "d": [0.5, None, True], "e": "it's"},
    }
    assert commented(tree) == [
        'title: "Colon: quoted"',
        "summary: Plain, with commas.",
        "tiny:",
        '  a: "no"',
        '  b: "1e-6"',
        "  c: 1e-6",
        "  d: [0.5, null, true]",
        "  e: it's",
    ]


def test_keys_come_in_the_order_of_the_language_and_tiny_last() -> None:
    tree = {
        "tiny": {"b": 1, "a": 2},
        "verification": {"config": {"a": "reason"}},
        "attention": {"window": "none", "heads": {"head_dim": None}},
        "norm": {"eps": "eps", "kind": "rms"},
        "summary": "Text.",
        "extends": "llama",
        "architecture": "TinyForCausalLM",
        "model_type": "tiny",
    }
    assert commented(tree) == [
        "architecture: TinyForCausalLM",
        "extends: llama",
        "model_type: tiny",
        "summary: Text.",
        "norm: {kind: rms, eps: eps}",
        "attention:",
        "  heads: {head_dim: null}",
        "  window: none",
        "verification:",
        "  config:",
        "    a: reason",
        "tiny:",
        "  b: 1",
        "  a: 2",
    ]


def test_long_text_is_folded() -> None:
    lines = commented({"summary": "word " * 30 + "end", "notes": ["word " * 30 + "end", "Short."]})
    assert lines[0] == "summary: >-"
    assert lines[1] == "  " + " ".join(["word"] * 19)
    assert lines[-4:-2] == ["  - >-", "    " + " ".join(["word"] * 19)]
    assert lines[-1] == "  - Short."


def test_evidence_stands_in_a_column_at_the_end_of_its_line() -> None:
    tree = {"attention": {"rope": {"layers": {"flag": "use_rope"}}, "sinks": None}, "mlp": {}}
    assert commented(tree, attention__rope__layers="3 of 4 turn", attention__sinks="none") == [
        "attention:",
        "  rope: {layers: {flag: use_rope}}  # 3 of 4 turn",
        "  sinks: null                       # none",
        "mlp: {}",
    ]


def test_evidence_for_what_is_on_one_line_is_joined_and_not_repeated() -> None:
    tree = {"attention": {"projections": {"kind": "separate", "q": "q_proj", "k": "k_proj"}}}
    evidence = {"q": "seen", "k": "seen", "kind": "four layers"}
    lines = commented(tree, **{f"attention__projections__{k}": v for k, v in evidence.items()})
    assert lines[1] == "  projections: {kind: separate, q: q_proj, k: k_proj}  # seen; four layers"


def test_evidence_for_a_record_of_biases_stays_where_they_are_one() -> None:
    lines = commented({"attention": {"bias": "qkv_bias"}}, attention__bias__q="both values tried")
    assert lines[1] == "  bias: qkv_bias  # both values tried"


def test_facet_with_evidence_for_several_keys_has_a_line_for_each() -> None:
    tree = {"norm": {"kind": "layer", "eps": "eps"}}
    assert commented(tree, norm__kind="mean is subtracted") == [
        "norm: {kind: layer, eps: eps}  # mean is subtracted"
    ]
    assert commented(tree, norm="probed", norm__kind="mean is subtracted", norm__eps="moved") == [
        "norm:          # probed",
        "  kind: layer  # mean is subtracted",
        "  eps: eps     # moved",
    ]


def test_evidence_without_room_stands_above() -> None:
    block = {"topology": "pre", "ln1": "a"}
    tree = {
        "layouts": [{"when": "key", "block": block}],
        "verification": {"float32": "r " * 60 + "e"},
    }
    said = "seen " * 25 + "twice"
    lines = commented(tree, layouts__0="first", layouts__0__block=said, verification__float32=said)
    assert lines == [
        "layouts:",
        "  - when: key  # first",
        "    # " + " ".join(["seen"] * 19),
        "    # " + " ".join(["seen"] * 6) + " twice",
        "    block: {topology: pre, ln1: a}",
        "verification:",
        "  # " + " ".join(["seen"] * 19),
        "  # " + " ".join(["seen"] * 6) + " twice",
        "  float32: >-",
        "    " + " ".join(["r"] * 48),
        "    " + " ".join(["r"] * 12) + " e",
    ]


def test_key_of_space_that_yaml_takes_for_text_is_no_indentation() -> None:
    assert commented({"\xa0": 1}, **{"\xa0": "word " * 30})[0].startswith("# word")


def test_evidence_is_one_harmless_line() -> None:
    (line,) = commented({"summary": "Text."}, summary="a\nb\r\x1b[31m # c")
    assert line == r"summary: Text.  # a b \x1b[31m # c"


def test_evidence_for_what_is_not_said_is_left_out() -> None:
    assert commented({"summary": "Text."}, attention="seen", summar="seen") == ["summary: Text."]
