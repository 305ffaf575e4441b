"""Of candidates that no probe tells apart, the one is taken that gives HF's output."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adaptergen.infer.candidates import fitted
from adaptergen.infer.finding import Findings
from adaptergen.infer.proof import ModuleFolder, apart, module_folder, with_changes
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.project import bundled
from adaptergen.spec.model import Spec
from adaptergen.verify.check import EXACT, ROUNDED
from adaptergen.verify.code import load_code
from tests.infer.tiny_models import changed, spec_of, tiny
from tests.infer.variants import draw, truth, write

pytestmark = pytest.mark.usefixtures("exact")


@pytest.fixture
def modules() -> Iterator[ModuleFolder]:
    with module_folder([bundled("templates")]) as found:
        yield found


def test_turning_backward_is_found(modules: ModuleFolder) -> None:
    findings = Findings()
    forward = changed("nanochat", "attention.rope.backward", False)
    assert fitted(tiny("nanochat"), forward, modules, findings) == spec_of("nanochat")
    assert findings.tree() == {"attention": {"rope": {"backward": True}}}
    assert "otherwise HF's output is" in findings.evidence()["attention.rope.backward"]


def test_what_turns_forward_is_left_alone(modules: ModuleFolder) -> None:
    findings = Findings()
    assert fitted(tiny("llama"), spec_of("llama"), modules, findings) == spec_of("llama")
    assert findings.tree() == {}


def test_what_is_wrong_both_ways_is_left_alone(modules: ModuleFolder) -> None:
    findings = Findings()
    wrong = changed("llama", "attention.rope.pairing", "adjacent")
    assert fitted(tiny("llama"), wrong, modules, findings) == wrong
    assert findings.tree() == {}


def test_numbers_of_attention_are_found_under_any_name(
    modules: ModuleFolder, tmp_path: Path
) -> None:
    """Both numbers of an attention that turns backward besides."""
    numbers = {"scale_key": "softmax_scale", "softcap_key": "attention_cap", "backward": True}
    names = {"scale_name": "scale", "cap_name": "score_limit", "softmax": "method"}
    variant = replace(draw(31, "loose"), nope="all", **numbers, **names)
    write(variant, tmp_path)
    load_code(str(tmp_path))
    spec = Spec.model_validate(truth(variant))
    usual = spec.model_dump(by_alias=True)["attention"]
    usual = {**usual, "scale": None, "softcap": None, "rope": {**usual["rope"], "backward": False}}
    findings = Findings()
    found = TinyModel(spec.architecture, spec.tiny)
    assert fitted(found, with_changes(spec, attention=usual), modules, findings) == spec
    assert set(findings.evidence()) == {
        "attention.scale", "attention.softcap", "attention.rope.backward"
    }  # fmt: skip


def test_a_soft_cap_that_changes_as_little_as_rounding_does_is_found(
    modules: ModuleFolder, tmp_path: Path
) -> None:
    """Scores far below the cap, which HF makes float32 before its softmax."""
    numbers = {"scale_key": "softmax_scale", "softcap_key": "attention_cap", "backward": False}
    names = {"scale_name": "factor", "cap_name": "limit", "softmax": "cast"}
    variant = replace(draw(33, "loose"), nope="all", **numbers, **names)
    write(variant, tmp_path)
    load_code(str(tmp_path))
    spec = Spec.model_validate(truth(variant))
    tiny = {**spec.tiny, "softmax_scale": 0.05, "attention_cap": 90.0}
    spec = with_changes(spec, tiny=tiny)
    usual = {**spec.model_dump(by_alias=True)["attention"], "scale": None, "softcap": None}
    unnamed = with_changes(spec, attention=usual)
    found = TinyModel(spec.architecture, spec.tiny)
    capless = with_changes(spec, attention={**usual, "scale": "factor"})
    assert EXACT < apart(modules.subject(found, capless)) <= ROUNDED
    assert fitted(found, unnamed, modules, Findings()) == spec
