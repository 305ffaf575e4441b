"""Attention that TransformerLens does not compute passes as delegated, and only so."""

from pathlib import Path
from typing import Any

import pytest

from adaptergen.render import Renderer
from adaptergen.spec.attention import DelegatedAttention
from adaptergen.spec.load import Loader
from adaptergen.spec.model import Spec
from adaptergen.verify.checks import ALL
from adaptergen.verify.record import Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import Selection
from adaptergen.verify.subject import Subject
from tests.verify.conftest import ROOT

SPECS = Path(__file__).parent / "delegated"
NAMES = [path.stem for path in sorted(SPECS.glob("*.yaml"))]

# What a spec would say that takes it for plain attention.
REIMPLEMENTED = {"kind": "reimplemented", "rope": {"pairing": "half", "layers": "all"}}
QK_NORM = {"diffllama": "none", "doge": {"per_head": {"q": "q_norm", "k": "k_norm"}}}


def load(name: str) -> Spec:
    return Loader([str(ROOT / "specs")]).load(str(SPECS / f"{name}.yaml")).spec


def failing(spec: Spec, folder: Path, only: set[str] | None = None) -> dict[str, str]:
    """Checks that fail on the adapter that the spec is rendered to, with their messages."""
    module = folder / "adapter.py"
    module.write_text(Renderer([str(ROOT / "templates")]).adapter(spec), encoding="utf-8")
    checks = [check for check in ALL if only is None or check.name in only]
    results = run_checks(Subject(spec, str(module)), checks)
    return {r.check: r.message for r in results if r.status is Status.FAILED}


def as_reimplemented(spec: Spec, qk_norm: Any) -> Spec:
    tree = spec.model_dump(by_alias=True)
    kept = ("path", "projections", "bias", "heads", "window")
    attention = {key: tree["attention"][key] for key in kept}
    return Spec.model_validate(
        {**tree, "attention": {**attention, **REIMPLEMENTED, "qk_norm": qk_norm}}
    )


@pytest.mark.parametrize("name", NAMES)
def test_attention_of_its_own_kind_is_verified_as_delegated(name: str, tmp_path: Path) -> None:
    # The others build dozens of models.
    quick = {check.name for check in Selection(skip=("claims.config", "variants")).of(ALL)}
    assert failing(load(name), tmp_path, quick) == {}


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_attention_of_its_own_kind_passes_everything(name: str, tmp_path: Path) -> None:
    assert failing(load(name), tmp_path) == {}


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_says_why_and_which_hooks_are_lost(name: str) -> None:
    spec = load(name)
    text = " ".join(Renderer([str(ROOT / "templates")]).adapter(spec).split())
    assert isinstance(spec.attention, DelegatedAttention)
    assert spec.attention.reason in text
    assert "edits of the pattern change nothing" in text


@pytest.mark.parametrize("name", NAMES)
def test_claiming_to_compute_it_is_refused(name: str, tmp_path: Path) -> None:
    wrong = as_reimplemented(load(name), QK_NORM[name])
    # A known limit must not hide what is asked here.
    wrong = wrong.model_copy(
        update={"verification": wrong.verification.model_copy(update={"checks": {}})}
    )
    told = failing(wrong, tmp_path, {"claims.parameters", "forward.logits", "hooks.pattern"})
    assert {"claims.parameters", "forward.logits"} <= told.keys()
    assert "self_attn" in told["claims.parameters"]
