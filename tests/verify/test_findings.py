"""The page of findings: what it says, and that it says all of what was measured."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from adaptergen.verify.shipped.survey import Survey, explained, survey
from docs.scripts import DOCS, findings


def _finding(**changes: Any) -> dict[str, Any]:
    return {
        "setting": "act=tanh",
        "check": "forward.logits",
        "message": "the output differs",
        "worst": 0.5,
        "in_float32": "5.0e-01",
        **changes,
    }


def _survey(name: str, *found: dict[str, Any], **changes: Any) -> dict[str, Any]:
    blank = {"distrust": "", "skipped": [], "tried": 9, "refused": 2}
    return {"architecture": name, "findings": list(found), **blank, **changes}


def test_a_cause_leaves_out_architectures_that_have_another() -> None:
    cause = findings.Cause("Cache", "Because.", architectures=("*LM",), but=("B*",))
    assert [cause.explains(name, _finding()) for name in ("ALM", "BLM", "C")] == [
        True,
        False,
        False,
    ]


def test_page_groups_findings_by_cause() -> None:
    causes = [
        findings.Cause("Lost activation", "Because.", settings=("act=*",)),
        findings.Cause("Refused", "On purpose.", checks=("boot.*",), defect=False),
    ]
    text = findings.page(
        [
            _survey("A", _finding(), _finding(setting="act=relu")),
            _survey("B", _finding(setting="", check="boot.bridge", worst=None, in_float32="same")),
            _survey("C", skipped=[("cache.prefill", "no cache")]),
            _survey("D", distrust="differs from itself", tried=0, refused=0),
            _survey("E", _finding(setting="other=1")),
            _survey("F", _finding(worst=float("inf"), in_float32="1.0e-06")),
        ],
        causes,
        "libraries",
    )
    assert "They have 1 defects,\n1 of which are silent" in text
    assert "## 1. Lost activation\n\nBecause.\n" in text
    shown = "adaptergen verify --adapter transformer_lens:A --set act=tanh --only forward.logits"
    assert f"\n    {shown}\n" in text
    assert "| A | `act=tanh` and 1 more | forward.logits | 5.0e-01 | 5.0e-01 | silent |" in text
    assert "### Refused" in text
    assert "| B | `the tiny model as it is` | boot.bridge |" in text
    assert "## Unexplained" in text
    assert "| E | `other=1` |" in text
    assert "C (7), F (7)." in text
    assert "- C, cache.prefill: no cache" in text
    assert "- D: differs from itself" in text
    assert "- F, forward.logits: `act=tanh`: in float64 only" in text


def test_the_command_of_a_defect_is_of_an_adapter_that_no_spec_knows_the_faults_of() -> None:
    rows = [(name, _finding(setting="a=None, b=[1]")) for name in ("LlamaForCausalLM", "BForLM")]
    command = findings._command(rows)
    options = "--set a=null --set 'b=[1]' --only forward.logits"
    assert command == f"adaptergen verify --adapter transformer_lens:BForLM {options}"


def test_committed_page_explains_everything_with_causes_that_occur() -> None:
    text = (DOCS / "findings.md").read_text(encoding="utf-8")
    titles = [cause["title"] for cause in yaml.safe_load((DOCS / "causes.yaml").read_text())]
    assert len(set(titles)) == len(titles)
    assert [title for title in titles if f" {title}\n" not in text] == []
    assert "Unexplained" not in text


def test_architectures_are_decoders_of_both_libraries() -> None:
    names = findings.architectures()
    assert len(names) > 80
    assert {"GPT2LMHeadModel", "LlamaForCausalLM", "MixtralForCausalLM"} <= set(names)
    assert not {"BertLMHeadModel", "T5ForConditionalGeneration"} & set(names)


def test_a_model_that_cannot_be_built_is_distrusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "adaptergen.verify.shipped.subject.tiny_settings", lambda name: {"n_embd": 7}
    )
    found = survey("GPT2LMHeadModel")
    assert isinstance(found, Survey)
    assert "HF model failed" in found.distrust


def test_a_survey_that_fails_leaves_the_others_and_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails_for_one(name: str) -> Survey:
        if name == "One":
            raise LookupError("no key")
        return Survey(name, {})

    monkeypatch.setattr("adaptergen.verify.shipped.survey.survey", fails_for_one)
    with pytest.raises(SystemExit, match="the survey of One failed: LookupError"):
        findings.measure(["One", "Other"], tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["Other.json"]


def test_what_fails_under_one_key_is_no_finding_of_two() -> None:
    layers = ["full_attention"]
    everywhere, there = ("cache.prefill", True), ("forward.logits", True)
    known = [({}, {everywhere}), ({"bias": True, "layers": layers}, {there})]
    assert explained({"bias": True}, known) == {everywhere}
    both = {"cap": 1.0, "layers": ["full_attention"], "bias": True}
    assert explained(both, known) == {everywhere, there}


def test_what_raises_under_one_key_hides_no_wrong_number_of_two() -> None:
    raised, wrong = ("weights.compatibility", False), ("weights.compatibility", True)
    known = [({"bias": True}, {raised})]
    assert wrong not in explained({"bias": True, "heads": 4}, known)


@pytest.mark.full
def test_survey_finds_what_gpt2_does_wrong() -> None:
    found = survey("GPT2LMHeadModel")
    assert (found.distrust, found.tried > 30) == ("", True)
    silent = {f.setting: f for f in found.findings if f.check == "forward.logits"}
    assert (silent["scale_attn_weights=False"].worst or 0.0) > 0.1
    assert float(silent["scale_attn_weights=False"].in_float32) > 0.1
