"""`adaptergen infer`: what is printed and written; the models are looked at in tests/infer."""

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from adaptergen.infer.finding import Findings
from adaptergen.infer.run import Inference
from adaptergen.language.tree import parse
from adaptergen.spec.compare import semantic_differences
from adaptergen.spec.model import Spec
from tests.commands.inferences import (
    CLASS,
    CONCEDED,
    FAILING,
    JSON_KEYS,
    NOTHING_FOUND,
    PASSED,
    PROVEN,
    REASON,
    SMOLLM3,
    SPECS,
    files,
    spec_in,
)
from tests.test_structure import HEAVY, loaded_by


def test_only_the_spec_is_on_stdout(project: Path, run, inferring) -> None:
    inferring(PROVEN)
    outcome = run("infer", CLASS)
    assert outcome.status == 0
    assert spec_in(outcome.out, project).attention == SMOLLM3.attention
    assert "SmolLM3ForCausalLM: proven, 1 check, 1 skipped" in outcome.err
    assert "fits every config tried" in outcome.err
    assert "\033" not in outcome.err


def test_text_reads_back_and_extends_the_parent_it_names(project: Path, run, inferring) -> None:
    inferring(PROVEN)
    out = run("infer", CLASS).out
    tree = parse("", out.encode()).plain()
    assert tree["extends"] == "llama"
    assert set(tree) == {"architecture", "extends", "summary", "attention", "tokenizer", "tiny"}
    assert semantic_differences(spec_in(out, project), SMOLLM3) == []


def test_lines_have_their_evidence(project: Path, run, inferring) -> None:
    inferring(PROVEN)
    (line,) = (li for li in run("infer", CLASS).out.splitlines() if "window: {" in li)
    assert line.endswith("# fits every config tried")


def test_own_spec_and_its_children_are_no_parents(project: Path, run, inferring) -> None:
    child = "architecture: MineForCausalLM\nextends: smollm3\nsummary: Mine.\n"
    (project / "specs" / "mine.yaml").write_text(child)
    inferring(PROVEN, candidates="all")
    names = [p["name"] for p in json.loads(run("infer", CLASS, "--json").out)["parents"]]
    assert "mine" not in names
    assert "smollm3" not in names
    assert names[0] == "llama"
    assert None in names


def test_spec_of_the_project_can_be_the_parent(project: Path, run, inferring) -> None:
    text = (SPECS / "smollm3.yaml").read_text().replace(CLASS, "NearForCausalLM")
    (project / "specs" / "near.yaml").write_text(text)
    inferring(PROVEN, candidates="all")
    assert json.loads(run("infer", CLASS, "--json").out)["extends"] == "near"


def test_mistake_in_another_spec_does_not_matter(project: Path, run, inferring) -> None:
    (project / "specs" / "broken.yaml").write_text("architecture: [\n")
    inferring(PROVEN, candidates="all")
    assert run("infer", CLASS).status == 0


def test_what_is_left_to_hf_has_its_reason_and_its_cost(project: Path, run, inferring) -> None:
    inferring(CONCEDED)
    err = run("infer", CLASS).err
    assert "not fully explained; with a part left to HF proven, 1 check" in err
    assert f"  {REASON}\n    the cost: hooks on rotated queries and keys" in err


def test_failed_checks_are_named(project: Path, run, inferring) -> None:
    inferring(FAILING)
    err = run("infer", CLASS).err
    assert "  config key 'gain': off\n" in err
    assert "  hooks.shape: blocks.0.hook_x: 3 instead of 4\n" in err
    assert "proven," not in err


@pytest.mark.parametrize("inference", [PROVEN, CONCEDED, FAILING, NOTHING_FOUND])
def test_json_has_everything(project: Path, run, inferring, inference: Inference) -> None:
    inferring(inference)
    outcome = run("infer", CLASS, "--json")
    tree = json.loads(outcome.out)
    assert set(tree) == JSON_KEYS
    assert (tree["proven"], tree["explained"]) == (inference.proven, inference.explained)
    assert tree["unexplained"] == inference.unexplained
    assert bool(tree["reasons"]) == (not inference.explained)
    assert tree["reasons"] == [*(one["reason"] for one in tree["conceded"]), *tree["unexplained"]]
    assert (tree["spec"] is None) == (inference.spec is None)
    assert tree["checks"] == {r.check: r.status.value for r in inference.results}
    confidence = {finding["facet"]: finding["confidence"] for finding in tree["findings"]}
    assert confidence["norm"] == ("proven" if inference.proven else "assumed")
    assert confidence["tokenizer.prepend_bos"] == "assumed"


def test_spec_in_json_is_whole(project: Path, run, inferring) -> None:
    inferring(PROVEN)
    tree = json.loads(run("infer", CLASS, "--json").out)
    assert semantic_differences(Spec.model_validate(tree["spec"]), SMOLLM3) == []
    assert tree["extends"] == "llama"


def test_json_stays_valid_where_a_file_is_written_too(project: Path, run, inferring) -> None:
    inferring(PROVEN)
    outcome = run("infer", CLASS, "--json", "--out", "specs/mine.yaml")
    assert set(json.loads(outcome.out)) == JSON_KEYS
    assert "specs/mine.yaml" in files(project)


def test_explain_lists_the_nearest_parents(project: Path, run, inferring) -> None:
    inferring(PROVEN, candidates="all")
    lines = run("infer", CLASS, "--explain").err.splitlines()
    start = lines.index("nearest parents:")
    assert lines[start + 1].split() == ["llama", "3", "values", "differ"]
    assert lines[start + 6] == "SmolLM3ForCausalLM: proven, 1 check, 1 skipped"
    assert "nearest parents:" not in run("infer", CLASS).err


def test_quiet_leaves_out_the_table(project: Path, run, inferring) -> None:
    inferring(PROVEN)
    outcome = run("infer", CLASS, "--quiet")
    assert outcome.err == "SmolLM3ForCausalLM: proven, 1 check, 1 skipped\n"
    assert outcome.out.startswith("# yaml-language-server")


def test_values_of_the_tiny_model_are_handed_on(project: Path, run, inferring) -> None:
    asked = inferring(PROVEN)
    run("infer", CLASS, "--tiny", "hidden_size=96", "--tiny", "layer_types=[a, b]")
    ((architecture, given, fixed, *_),) = asked
    assert (architecture, given) == (CLASS, {})
    assert fixed == {"hidden_size": 96, "layer_types": ["a", "b"]}


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        (CLASS, ("--timeout", "1"), f"{CLASS}: stopped after 1 s, in "),
        (
            "BloomForCausalLM",
            ("--memory", "0.5", "--tiny", "hidden_size=80000"),
            "even a small model takes more memory than there is; --memory allows more, or set",
        ),
    ],
)
def test_what_takes_too_much_is_stopped(
    project: Path, run, source: str, arguments: tuple[str, ...], message: str
) -> None:
    outcome = run("infer", source, *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert multiprocessing.active_children() == []


def test_no_torch_is_loaded_to_print_what_was_found(project: Path) -> None:
    program = "from adaptergen.commands import infer; import adaptergen.verify.process"
    assert loaded_by(program, project) & HEAVY == set()


def test_templates_of_the_project_are_used(project: Path, run, inferring) -> None:
    (project / "pyproject.toml").write_text('[tool.adaptergen]\ntemplates = "mine"\n')
    (project / "mine").mkdir()
    asked = inferring(PROVEN)
    run("infer", CLASS)
    assert [os.path.basename(folder) for folder in asked[0][3]] == ["mine", "templates"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["SmolLM3ForCausaLM"], "did you mean 'SmolLM3ForCausalLM'?"),
        ([CLASS, "--tiny", "hidden_size"], "--tiny hidden_size: expected KEY=VALUE"),
    ],
)
def test_what_cannot_be_used_exits_with_2(
    project: Path, run, inferring, arguments: list[str], message: str
) -> None:
    inferring(PROVEN)
    outcome = run("infer", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err


def test_missing_source_exits_with_2(project: Path, run, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("infer")
    assert stopped.value.code == 2


def test_missing_file_exits_with_1(project: Path, run, inferring) -> None:
    inferring(PROVEN)
    outcome = run("infer", "nowhere/config.json")
    assert outcome.status == 1
    assert "nowhere/config.json: cannot be read: No such file" in outcome.err


def test_value_of_a_stranger_cannot_steer_the_terminal(project: Path, run, inferring) -> None:
    odd = Findings(unexplained=["key '\x1b[31m'"])
    odd.add("attention.path", "\x1b[2J", "\x07")
    inferring(Inference(CLASS, SMOLLM3, odd, (PASSED,)))
    outcome = run("infer", CLASS, "--partial")
    assert not {"\x1b", "\x07"} & set(outcome.out + outcome.err)


def test_help_loads_no_torch(project: Path) -> None:
    program = (
        "from adaptergen.cli import main\ntry: main(['infer', '--help'])\nexcept SystemExit: pass"
    )
    assert loaded_by(program, project) & HEAVY == set()
