"""Parts that TransformerLens does not compute pass as left to HF, and claiming more does not."""

from pathlib import Path
from typing import Any

import pytest

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.opaque.spec import OpaqueAttention
from adaptergen.components.mlp.opaque.spec import OpaqueMlp
from adaptergen.spec.load import Loader
from adaptergen.spec.model import Spec
from adaptergen.targets.transformer_lens.render import Renderer
from adaptergen.verify.checks import ALL
from adaptergen.verify.record import Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.conftest import rarely
from tests.verify.conftest import QUICK, ROOT, module_of
from tests.verify.conftest import load as load_bundled

SPECS = Path(__file__).parent / "delegated"
NAMES = [path.stem for path in sorted(SPECS.glob("*.yaml"))]

# What a spec would say that takes it for plain attention.
REIMPLEMENTED = {"kind": "reimplemented", "rope": {"pairing": "half", "layers": "all"}}
QK_NORM = {"diffllama": "none", "doge": {"per_head": {"q": "q_norm", "k": "k_norm"}}}

# Blocks of each of TL's kinds: sequential, parallel, with scaled outputs, normed behind them, and
# of several layouts.
BLOCKS = ("llama", "gpt_neox", "granite", "olmo2", "stablelm")
SOON = {check.name for check in QUICK.of(ALL)}
UNFOLDED = {"invalid": "TransformerLens folds the norm into weights that it knows only some of."}


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
def test_what_is_of_its_own_kind_is_verified_as_left_to_hf(name: str, tmp_path: Path) -> None:
    assert failing(load(name), tmp_path, SOON) == {}


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_what_is_of_its_own_kind_passes_everything(name: str, tmp_path: Path) -> None:
    assert failing(load(name), tmp_path) == {}


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_says_why_and_which_hooks_are_lost(name: str) -> None:
    spec = load(name)
    text = " ".join(Renderer([str(ROOT / "templates")]).adapter(spec).split())
    assert isinstance(spec.attention, DelegatedAttention | OpaqueAttention)
    assert spec.attention.reason in text
    delegated = isinstance(spec.attention, DelegatedAttention)
    assert ("Hooks on scores" in text) == (name == "diffllama")
    assert ("rotated queries and keys and the input of single heads do not" in text) == delegated
    assert ("none on queries, keys, values, scores, the pattern" in text) != delegated
    assert ("none on projections, activations and routing" in text) == (spec.mlp.kind == "opaque")
    assert not isinstance(spec.mlp, OpaqueMlp) or spec.mlp.reason in text


@pytest.mark.parametrize("name", QK_NORM)
def test_claiming_to_compute_it_is_refused(name: str, tmp_path: Path) -> None:
    wrong = as_reimplemented(load(name), QK_NORM[name])
    # A known limit must not hide what is asked here.
    wrong = wrong.model_copy(
        update={"verification": wrong.verification.model_copy(update={"checks": {}})}
    )
    told = failing(wrong, tmp_path, {"claims.parameters", "forward.logits", "hooks.pattern"})
    assert {"claims.parameters", "forward.logits"} <= told.keys()
    assert "self_attn" in told["claims.parameters"]


@pytest.mark.parametrize("name", QK_NORM)
def test_how_many_softmaxes_make_the_pattern_is_a_claim(name: str, tmp_path: Path) -> None:
    spec = load(name)
    assert isinstance(spec.attention, DelegatedAttention)
    other = {"softmax": not spec.attention.softmax}
    wrong = spec.model_copy(update={"attention": spec.attention.model_copy(update=other)})
    told = failing(wrong, tmp_path, {"claims.softmax", "hooks.inventory"})
    assert "what one softmax returns" in told["claims.softmax"]
    twice = "hook_attn_scores fired 2 times"
    assert (twice in told.get("hooks.inventory", "")) == (name == "diffllama")


@pytest.mark.parametrize("name", ["gpt_neox", "phi3"])
def test_one_layer_of_queries_keys_and_values_may_be_left_to_hf(name: str, tmp_path: Path) -> None:
    spec = load_bundled(name).spec
    tree = spec.model_dump(by_alias=True)
    kept = ("path", "projections", "bias", "heads", "window")
    attention = {key: tree["attention"][key] for key in kept}
    delegated = {**attention, "kind": "delegated", "reason": "None.", "rotary": True}
    assert failing(Spec.model_validate({**tree, "attention": delegated}), tmp_path, SOON) == {}


def test_hooks_of_tls_own_bridge_do_not_reach_the_softmax(tmp_path: Path) -> None:
    module = tmp_path / "adapter.py"
    text = Path(module_of("gptj")).read_text(encoding="utf-8")
    beside = "from .delegated import DelegatedAttentionBridge"
    assert beside in text
    tl = "from transformer_lens.model_bridge.generalized_components import AttentionBridge"
    module.write_text(text.replace(beside, f"{tl} as DelegatedAttentionBridge"), encoding="utf-8")
    subject = Subject(load_bundled("gptj").spec, str(module))
    asked = ("hooks.pattern", "interventions.pattern")
    results = run_checks(subject, [check for check in ALL if check.name in asked])
    assert [(r.check, r.status) for r in results] == [(name, Status.FAILED) for name in asked]


def in_one_piece(name: str, *parts: str, fold_ln: Any = "valid") -> Spec:
    """A bundled spec that leaves what it describes to HF."""
    spec = load_bundled(name).spec
    tree = spec.model_dump(by_alias=True)
    kept = {"attention": {"window": tree["attention"]["window"], "rotary": spec.attention.rotary}}
    for part in parts:
        path = tree[part]["path"]
        whole = {"kind": "opaque", "reason": "None.", "path": path, **kept.get(part, {})}
        tree |= {part: whole}
    tree["processing"]["fold_ln"] = fold_ln
    return Spec.model_validate(tree)


@pytest.mark.parametrize("name", rarely(BLOCKS, 1, pytest.mark.full))
def test_attention_is_left_as_one_piece_in_any_block(name: str, tmp_path: Path) -> None:
    assert failing(in_one_piece(name, "attention"), tmp_path, SOON) == {}


@pytest.mark.parametrize("parts", [("mlp",), ("attention", "mlp")], ids="-".join)
def test_an_mlp_is_left_as_one_piece_where_norms_are_not_folded(
    parts: tuple[str, ...], tmp_path: Path
) -> None:
    assert failing(in_one_piece("llama", *parts, fold_ln=UNFOLDED), tmp_path, SOON) == {}


def test_folding_into_an_mlp_as_one_piece_is_refused(tmp_path: Path) -> None:
    told = failing(in_one_piece("llama", "mlp"), tmp_path, SOON)
    assert "MLP W_in not found" in told.pop("weights.compatibility")
    assert told == {}


def test_folding_a_norm_that_attention_as_one_piece_reads_too_is_refused(tmp_path: Path) -> None:
    told = failing(in_one_piece("phi", "attention"), tmp_path, {"weights.compatibility"})
    assert "log-probability in compatibility mode" in told["weights.compatibility"]


def test_hooks_on_what_is_one_piece_are_refused(tmp_path: Path) -> None:
    subject = Subject(in_one_piece("llama", "attention", "mlp"), module_of("llama"))
    kinds = next(check for check in ALL if check.name == "boot.kinds")
    (result,) = run_checks(subject, [kinds])
    told = [problem.message for problem in result.problems]
    assert [text.partition(" ")[0] for text in told] == ["blocks.attn", "blocks.mlp"]
