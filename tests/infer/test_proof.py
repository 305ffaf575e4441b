"""What observation proposes is decided by an adapter that is built and held against HF."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adaptergen.infer import proof
from adaptergen.infer import waivers as waiving
from adaptergen.infer.finding import Findings
from adaptergen.infer.processing import processing
from adaptergen.infer.proof import (
    ModuleFolder,
    apart,
    keeps_function,
    module_folder,
    with_changes,
)
from adaptergen.infer.refusals import refusals
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.infer.waivers import waivers
from adaptergen.project import bundled
from adaptergen.spec.model import Spec
from adaptergen.verify.check import ROUNDED
from adaptergen.verify.checks import ALL
from adaptergen.verify.record import CheckResult, Status
from adaptergen.verify.running import run_checks
from tests.conftest import rarely
from tests.infer.tiny_models import changed, spec_of, tiny

pytestmark = pytest.mark.usefixtures("exact")


@pytest.fixture
def made() -> Iterator[ModuleFolder]:
    with module_folder([bundled("templates")]) as found:
        yield found


def test_right_adapter_gives_hfs_logits(made: ModuleFolder) -> None:
    subject = made.subject(tiny("llama"), spec_of("llama"))
    assert apart(subject) <= ROUNDED
    assert keeps_function(subject)
    assert Path(subject.module_path).parent == Path(made.folder)


def test_adapter_under_another_config_is_held_against_that_model(made: ModuleFolder) -> None:
    found = tiny("granite")
    subject = made.subject(found, spec_of("granite"), {"attention_multiplier": 0.9})
    assert subject.hf.config.attention_multiplier == 0.9
    assert apart(subject) <= ROUNDED


def test_wrong_adapter_is_apart(made: ModuleFolder) -> None:
    wrong = changed("llama", "attention.rope.pairing", "adjacent")
    assert apart(made.subject(tiny("llama"), wrong)) > ROUNDED


def test_adapter_that_does_not_run_is_infinitely_apart(made: ModuleFolder) -> None:
    wrong = changed("llama", "paths.unembed", "nothing")
    subject = made.subject(tiny("llama"), wrong)
    assert apart(subject) == float("inf")
    assert not keeps_function(subject)


def test_modules_are_gone_with_the_workshop() -> None:
    with module_folder([bundled("templates")]) as found:
        path = Path(found.subject(tiny("llama"), spec_of("llama")).module_path)
        assert path.exists()
    assert not path.exists()


CHANGED_BY_STEPS = ("gpt_oss", "llama", "afmoe", "bitnet", "granitemoeshared", "phi", "minimax_m2")


def said(step: Any) -> Any:
    """A step's validity without the reason."""
    if not isinstance(step, dict):
        return step
    return step["invalid_where"]["key"] if "invalid_where" in step else "invalid"


def steps_of(spec: Spec) -> dict[str, Any]:
    tree = spec.model_dump(by_alias=True)["processing"]
    return {key: said(step) for key, step in tree.items()}


@pytest.mark.parametrize("name", rarely(CHANGED_BY_STEPS, 1, pytest.mark.full))
def test_steps_that_change_the_model_are_found(name: str, made: ModuleFolder) -> None:
    unknown = with_changes(
        spec_of(name),
        processing=dict.fromkeys(
            ("fold_ln", "center_writing_weights", "compatibility_mode"), "valid"
        ),
    )
    findings = Findings()
    found = processing(tiny(name), unknown, made, findings)
    assert steps_of(found) == steps_of(spec_of(name))
    assert set(findings.tree()["processing"]) == set(steps_of(found))


def test_a_step_that_one_layout_of_a_block_does_not_allow_is_invalid_there(
    made: ModuleFolder,
) -> None:
    """Attention as one piece keeps the norm, which HF's parallel layout has it share."""
    sequential = {"new_decoder_architecture": False, "parallel_attn": False}
    spec = spec_of("falcon")
    rest = {"path": spec.attention.path, "window": "none", "rotary": True}
    spec = with_changes(
        spec,
        attention={"kind": "opaque", "reason": "None.", **rest},
        tiny={**spec.tiny, **sequential},
    )
    found = TinyModel(spec.architecture, spec.tiny)
    steps = steps_of(processing(found, spec, made, Findings()))
    assert {step: validity for step, validity in steps.items() if validity != "valid"} == {
        "fold_ln": "parallel_attn"
    }


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets waivers look at few config values, since each takes a bridge."""

    def only(**keys: list[Any]) -> None:
        settings = {key: [{key: value} for value in values] for key, values in keys.items()}
        monkeypatch.setattr(waiving, "moves", lambda config: settings)

    return only


def test_key_that_hf_computes_with_is_explained(made: ModuleFolder, moved: Any) -> None:
    moved(attention_multiplier=[0.9, 0.3], use_cache=[False], vocab_size=[120])
    findings = Findings()
    found = waivers(tiny("granite"), spec_of("granite"), made, findings)
    assert found.verification.config == {
        "attention_multiplier": "HF's self_attn computes with it, and the adapter gives HF's output"
    }
    assert findings.unexplained == []
    assert found.refused == spec_of("granite").refused


def test_key_that_a_claim_names_needs_no_explanation(made: ModuleFolder, moved: Any) -> None:
    moved(num_key_value_heads=[4], attention_bias=[True])
    findings = Findings()
    assert waivers(tiny("llama"), spec_of("llama"), made, findings).verification.config == {}


TEMPLATE = """\
{% extends "bundled/adapter.py.j2" %}
{% block flags %}
{{ super() }}
        if cfg.rope_parameters["rope_theta"] > 500_000:
            raise ValueError("not for me")
{% endblock %}
"""


@pytest.fixture
def wrong_folder(tmp_path: Path) -> ModuleFolder:
    """A module_folder whose adapters are wrong for slow rotations."""
    (tmp_path / "adapter.py.j2").write_text(TEMPLATE)
    (tmp_path / "out").mkdir()
    return ModuleFolder(str(tmp_path / "out"), [str(tmp_path), bundled("templates")])


def thetas(*values: float) -> list[dict[str, Any]]:
    return [{"rope_type": "default", "rope_theta": value} for value in values]


def test_key_under_which_the_adapter_is_wrong_is_not_explained(
    wrong_folder: ModuleFolder, moved: Any
) -> None:
    moved(rope_parameters=thetas(1e6, 1e7))
    findings = Findings()
    found = waivers(tiny("llama"), spec_of("llama"), wrong_folder, findings)
    assert findings.unexplained == [
        "config key 'rope_parameters', with rope_parameters={rope_type: default, rope_theta:"
        " 1000000.0}: The adapter differs from HF by inf."
    ]
    assert found.verification.config == {}


def test_value_under_which_the_adapter_is_wrong_is_a_limit(
    wrong_folder: ModuleFolder, moved: Any
) -> None:
    moved(rope_parameters=thetas(20_000, 1e6))
    findings = Findings()
    found = waivers(tiny("llama"), spec_of("llama"), wrong_folder, findings)
    setting = "rope_parameters={rope_type: default, rope_theta: 1000000.0}"
    assert list(found.verification.limits) == [setting]
    assert list(found.verification.config) == ["rope_parameters"]
    assert findings.unexplained == []


def test_boolean_under_which_the_adapter_is_wrong_is_refused(
    made: ModuleFolder, moved: Any
) -> None:
    moved(alibi=[True])
    findings = Findings()
    found = waivers(tiny("falcon"), with_changes(spec_of("falcon"), refused={}), made, findings)
    assert list(found.refused) == ["alibi"]
    assert findings.unexplained == []


def test_key_that_brings_parameters_is_refused() -> None:
    findings = Findings()
    plain = changed("stablelm", "attention.qk_norm", "none")
    found = refusals(tiny("stablelm"), plain, findings)
    (reason,) = found.refused.values()
    assert list(found.refused) == ["qk_layernorm"]
    assert reason.startswith("No facet describes model.layers.{i}.self_attn.k_layernorm.")
    assert "refused" in findings.tree()


@pytest.mark.parametrize("name", ["llama", "stablelm", "falcon"])
def test_key_whose_parameters_are_described_is_not_refused(name: str) -> None:
    assert refusals(tiny(name), spec_of(name), Findings()) == spec_of(name)


def test_model_that_is_not_described_itself_is_not_refused() -> None:
    plain = changed("qwen2", "attention.bias", False)
    assert refusals(tiny("qwen2"), plain, Findings()) == plain


def test_what_passed_is_not_run_again(made: ModuleFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what failed, and what had nothing to say before a spec told of rounding."""
    rest = {"forward.logits": Status.FAILED, "gradient.rounding": Status.SKIPPED}
    before = [CheckResult(c.name, c.group, rest.get(c.name, Status.PASSED)) for c in ALL]
    ran: list[str] = []
    true = run_checks

    def counted(subject: Any, checks: Any, announce: Any) -> list[CheckResult]:
        ran.extend(check.name for check in checks)
        return true(subject, checks, announce)

    monkeypatch.setattr(proof, "run_checks", counted)
    after = proof.battery_again(made.subject(tiny("glm"), spec_of("glm")), before)
    assert set(ran) == set(rest)
    assert [result.check for result in after] == [check.name for check in ALL]
    assert {result.status for result in after} == {Status.PASSED}
