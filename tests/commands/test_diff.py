"""`adaptergen diff`: what two specs say differently."""

import json
from pathlib import Path

import pytest

from adaptergen.report import visible
from tests.test_structure import HEAVY, loaded_by

CHILD = "architecture: TinyForCausalLM\nextends: llama\nsummary: Tiny.\n"


def write(project: Path, name: str, text: str) -> str:
    (project / "specs" / f"{name}.yaml").write_text(text)
    return f"specs/{name}.yaml"


def test_facets_that_make_another_model_are_a_table(project: Path, run) -> None:
    outcome = run("diff", "llama", "smollm3")
    assert (outcome.status, outcome.err) == (0, "")
    assert (
        outcome.out
        == """\
facet                  llama  smollm3
---------------------  -----  ----------------------
attention.rope.layers  all    {flag: use_rope}
attention.window       none   {flag: sliding_window}

they also differ in 5 facets of names, tokenizer, tiny model and verification: --all shows them
"""
    )


def test_all_shows_the_rest_after_them(project: Path, run) -> None:
    lines = run("diff", "llama", "smollm3", "--all").out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [
        "attention.rope.layers", "attention.window", "architecture", "summary",
        "tokenizer.prepend_bos", "tiny.use_sliding_window", "tiny.sliding_window",
    ]  # fmt: skip
    assert lines[-1].split() == ["tiny.sliding_window", "-", "8"]
    assert "Pre-norm decoder with grouped-query attention, rotary pos...  Llama" in lines[5]


def test_files_and_names_can_be_compared(project: Path, run) -> None:
    path = write(project, "mine", CHILD + "mlp: {bias: true}\n")
    lines = run("diff", "mine", path).out.splitlines()
    assert lines == ["they describe the same model in the same words"]
    lines = run("diff", path, "llama").out.splitlines()
    assert lines[0].split() == ["facet", path, "llama"]
    assert lines[2].split() == ["mlp.bias", "true", "mlp_bias"]


def test_the_same_model_in_other_words_is_said_to_be(project: Path, run) -> None:
    write(project, "mine", "architecture: MineForCausalLM\nextends: mistral\nsummary: Mine.\n")
    assert run("diff", "mistral", "mine").out == (
        "they describe the same model, and differ in 2 facets of names, tokenizer, tiny model and"
        " verification: --all shows them\n"
    )


def test_json_has_whole_values(project: Path, run) -> None:
    found = json.loads(run("diff", "granitemoe", "granitemoeshared", "--format", "json").out)
    assert {record["semantic"] for record in found} == {True}
    assert found[-1] == {
        "facet": "processing.fold_ln",
        "semantic": True,
        "left": "valid",
        "right": {"invalid": "Experts and the MLP beside them both read ln2."},
    }
    whole = run("diff", "granitemoe", "granitemoeshared", "--all", "--format", "json").out
    assert json.loads(whole)[: len(found)] == found
    assert json.loads(run("diff", "llama", "llama", "--format", "json").out) == []


def test_unknown_name_gets_a_suggestion(project: Path, run) -> None:
    for arguments in (("smolm3", "llama"), ("llama", "smolm3")):
        outcome = run("diff", *arguments)
        assert (outcome.status, outcome.out) == (1, "")
        assert outcome.err == "smolm3: no such spec\n    did you mean 'smollm3'?\n"


def test_mistakes_of_both_are_reported(project: Path, run) -> None:
    paths = [write(project, name, CHILD + f"{name}: 1\n") for name in ("one", "two")]
    outcome = run("diff", *paths)
    assert outcome.status == 1
    for name, path in zip(("one", "two"), paths, strict=True):
        assert f"{path}:4:1: unknown key '{name}'" in outcome.err


def test_value_of_a_stranger_cannot_steer_the_terminal(project: Path, run) -> None:
    write(project, "mine", CHILD + 'tiny: {key: "\\u001b[31m", list: ["\\u0007"]}\n')
    out = run("diff", "llama", "mine", "--all").out
    assert visible(out.replace("\n", "")) == out.replace("\n", "")
    assert r"\x1b[31m" in out


def test_diff_says_in_its_help_how_it_exits(capsys, run) -> None:
    with pytest.raises(SystemExit):
        run("diff", "--help")
    assert "Exits with 0 whether or not they differ." in " ".join(capsys.readouterr().out.split())


def test_diff_never_loads_torch(project: Path) -> None:
    program = "from adaptergen.cli import main\nmain(['diff', 'llama', 'smollm3'])"
    assert loaded_by(program, project) & HEAVY == set()
