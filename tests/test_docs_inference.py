"""The page about `infer` says what was measured."""

import re
from subprocess import CompletedProcess
from typing import Any

import pytest

from adaptergen.spec.load import Loader
from docs.scripts import DOCS, inference

ROOT = DOCS.parent


def measured(**changes: Any) -> Any:
    blank: dict[str, Any] = {
        "name": "llama", "proven": True, "explained": True, "extends": "mistral",
        "differences": (), "unexplained": (), "seconds": 12.3, "gigabytes": 1.2,
    }  # fmt: skip
    return inference.Measured(**{**blank, **changes})


def test_every_spec_and_fifty_synthetic_models_are_inferred() -> None:
    names = {path.stem for path in (ROOT / "specs").glob("*.yaml")}
    assert {case.name for case in inference.bundled_cases()} == names
    assert len(inference.SEEDS) >= 50


def test_synthetic_cases_are_folders_with_a_config_and_the_truth(tmp_path) -> None:
    cases = inference.synthetic_cases([3], tmp_path)
    assert [case.name for style in cases.values() for case in style] == [
        "synth3", "eager3", "loose3", "older3",
    ]  # fmt: skip
    (case,) = cases["interface"]
    assert (tmp_path / "synth3" / "config.json").is_file()
    assert case.source == str(tmp_path / "synth3")
    assert case.wanted.architecture == "Synth3ForCausalLM"


def test_shares_count_what_is_proven_and_equal() -> None:
    rows = [
        measured(),
        measured(name="a", proven=False, explained=False, unexplained=("x: y",)),
        measured(name="b", differences=("`norm.kind`: rms, inferred layer",)),
    ]
    drawn = {"interface": [measured(name="synth0"), *rows[1:]], "loose": rows[2:]}
    text = inference.page(rows, {**drawn, "eager": rows[:1]})
    assert "1 of 3 are inferred as their spec says" in text
    assert re.findall(r"\| (\d of \d) \|$", text, re.MULTILINE) == ["1 of 3", "1 of 1", "0 of 1"]
    assert "| b | mistral | yes | `norm.kind`: rms, inferred layer | 12 | 1.2 |" in text
    assert "- a: x: y" in text


def test_a_known_reason_makes_a_difference_one_that_is_allowed(monkeypatch) -> None:
    monkeypatch.setattr(inference, "explanations", lambda: {"llama": "Because."})
    text = inference.page(
        [measured(differences=("`act`: a, inferred b",))],
        {style: [measured()] for style in ("interface", "eager", "loose")},
    )
    assert "1 of 1 are inferred as their spec says" in text
    assert "inferred b. Because. |" in text


def test_reasons_are_for_specs_that_exist() -> None:
    loader = Loader([str(ROOT / "specs")])
    for name in inference.explanations():
        assert loader.load(str(ROOT / "specs" / f"{name}.yaml")).name == name


def test_an_inference_that_ends_without_an_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # As where there is no such class, without loading the libraries for it.
    ended = CompletedProcess([], 2, b"")
    monkeypatch.setattr(inference.subprocess, "run", lambda *_, **__: ended)
    case = inference.Case("none", "NoSuchForCausalLM", inference.bundled_cases()[0].wanted)
    found = inference.measure(case)
    assert not found.proven
    assert found.unexplained == ("infer ended without an answer",)
