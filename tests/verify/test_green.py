"""Bundled specs and their generated modules pass everything, in float64."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformer_lens.factories.architecture_adapter_factory import ArchitectureAdapterFactory

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.latent.spec import LatentAttention
from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.components.mlp.moe.spec import MoeMlp
from adaptergen.errors import Failure
from adaptergen.spec.load import Loader
from adaptergen.spec.model import Spec
from adaptergen.spec.processing import Valid
from adaptergen.verify import verify
from adaptergen.verify.checks import ALL
from adaptergen.verify.checks.weights import PROCESSED
from adaptergen.verify.document import read_records
from adaptergen.verify.layers import layer_facts
from adaptergen.verify.record import CheckResult, Record, Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import EVERYTHING, Selection
from adaptergen.verify.subject import Subject
from tests.conftest import Run
from tests.verify.conftest import QUICK, ROOT, changed, load, module_of
from tests.verify.facets import REPRESENTATIVE

EXACT = {
    "boot.refused": "the spec says that it takes all",
    "claims.latents": "attention goes through no latents",
    "claims.refused": "the spec says that it takes all",
    "claims.softmax": "attention is not HF's own between its projections",
    "gradient.rounding": "the spec does not say so",
}
# Variants are no part of a quick battery.
WHOLE = {"variants.unset": "no config key is unset that would matter to HF"}
# HF chooses experts at random while it trains, or drops out by default.
RANDOM = {"PhimoeForCausalLM", "SeedOssForCausalLM"}
# What of a battery there is time for with every spec.
MOST = Selection(only=(*QUICK.only, "fused", "cache"), skip=QUICK.skip)
RAW = 1e-12
# What computes with processed weights beside other things.
IN_PART_PROCESSED = ("use.attributed", "use.wrapped_twice")
# HF's norms, variants and compatibility mode compute in float32 here and there.
ROUGH = {"weights.compatibility", "interventions.norms"}
ROUGH |= {"variants.activation", "variants.flags", "variants.heads"}
OTHER_CONFIGS: list[tuple[dict[str, Any], set[str]]] = [
    ({"attention_bias": True}, set()),
    ({"mlp_bias": True}, set()),
    ({"no_rope_layers": [1, 0, 0, 1]}, set()),
    ({"no_rope_layers": [0, 0, 0, 0]}, {"claims.rope.pairing"}),
    ({"no_rope_layers": [1, 1, 1, 1]}, {"forward.window"}),
    ({"tie_word_embeddings": False, "num_key_value_heads": 4}, set()),
    ({"sliding_window": 30}, set()),
]


def _skips(record: Record) -> dict[str, str]:
    return {r.check: r.message for r in record.results if r.status is Status.SKIPPED}


def _reasons(spec: Spec) -> Iterator[str]:
    """How messages start of checks that can say nothing about a spec."""
    yield EXACT["boot.refused"]
    yield WHOLE["variants.unset"]
    yield "HF's model of this class has no other implementation"
    yield "HF cannot change it for models of this class"
    if spec.architecture in RANDOM:
        yield "HF's output is another one in training mode"
    if spec.verification.float32 is None:
        yield EXACT["gradient.rounding"]
    if isinstance(spec.mlp, MoeMlp):
        yield "TL has no names for the weights of experts"
    if any(not isinstance(step, Valid) for _, step in spec.processing):
        yield "the spec declares it invalid: "
    if isinstance(spec.attention, LatentAttention):
        yield "attention goes through latents"
    else:
        yield EXACT["claims.latents"]
    if not spec.fuses:
        yield "TL, or HF by its own implementation, always computes attention"
    if not isinstance(spec.attention, DelegatedAttention):
        yield EXACT["claims.softmax"]
    else:
        yield "attention is HF's own"
        yield "no layer of HF rotates with this config"
    if not isinstance(spec.attention, ReimplementedAttention):
        yield "TL has such hooks neither for HF's own attention nor one norm"


def _assert_right(record: Record) -> None:
    spec = load(record.spec).spec
    assert record.failures == []
    assert record.passed
    skips = _skips(record)
    run = {result.check for result in record.results}
    known = {result.check: result.message for result in record.known}
    for check, failure in spec.verification.checks.items():
        assert check not in run or known.pop(check).startswith(f"limit: {failure.reason}")
    assert known == {}
    windowless = skips.pop("forward.window", "").startswith("no layer of HF has a window shorter")
    assert windowless == all(layer.window_found is None for layer in record.layers)
    rest = {c: m for c, m in skips.items() if not m.startswith(tuple(_reasons(spec)))}
    assert rest == {}
    if isinstance(spec.attention, ReimplementedAttention):
        layers = ("num_hidden_layers", "n_layer")
        assert len(record.layers) in [spec.tiny.get(key) for key in layers]
    assert all(layer.agree for layer in record.layers)
    for result in record.results:
        if result.status is Status.PASSED and result.group != "precision":
            assert result.tolerance is not None or result.worst is None
            rounded = spec.verification.float32 is not None or result.check in ROUGH
            limit = result.tolerance if rounded else RAW
            # Raw and in compatibility mode, of which the latter is compared as such.
            limit = PROCESSED if result.check in IN_PART_PROCESSED else limit
            assert (result.worst or 0.0) <= (limit or 0.0), result.check


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_spec_passes(name: str) -> None:
    announced: list[str] = []
    record = verify(load(name), module_of(name), progress=announced.append, select=QUICK)
    _assert_right(record)
    assert announced[0] == "claims.architecture"
    assert len(announced) == len(record.results)


@pytest.mark.full
def test_smollm3_passes_everything() -> None:
    record = verify(load("smollm3"), module_of("smollm3"))
    _assert_right(record)
    assert _skips(record) == EXACT | WHOLE
    assert max(result.worst or 0.0 for result in record.results if _processed(result)) <= 5e-6


def _processed(result: CheckResult) -> bool:
    return (
        result.check in ("weights.compatibility", *IN_PART_PROCESSED) or result.group == "variants"
    )


@pytest.mark.full
@pytest.mark.parametrize(
    "select", [MOST, pytest.param(EVERYTHING, marks=pytest.mark.exhaustive)], ids=["most", "whole"]
)
def test_every_bundled_spec_passes(select: Selection, run: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = [word for pattern in select.only for word in ("--only", pattern)]
    options += [word for pattern in select.skip for word in ("--skip", pattern)]
    outcome = run("verify", "--jobs", "2", "--quiet", "--json", str(report), *options)
    records = read_records(str(report))
    assert sorted(record.spec for record in records) == sorted(
        path.stem for path in (ROOT / "specs").glob("*.yaml")
    )
    for record in records:
        assert len(record.results) == len(select.of(ALL))
        _assert_right(record)
    assert outcome.status == 0


@pytest.mark.full
@pytest.mark.parametrize(("overrides", "skips"), OTHER_CONFIGS, ids=str)
def test_smollm3_passes_on_other_configs(overrides: dict[str, Any], skips: set[str]) -> None:
    _assert_right_with(overrides, skips, QUICK)


@pytest.mark.full
@pytest.mark.exhaustive
@pytest.mark.parametrize(("overrides", "skips"), OTHER_CONFIGS, ids=str)
def test_smollm3_passes_everything_on_other_configs(
    overrides: dict[str, Any], skips: set[str]
) -> None:
    _assert_right_with(overrides, skips, EVERYTHING)


def _assert_right_with(overrides: dict[str, Any], skips: set[str], select: Selection) -> None:
    record = verify(load("smollm3"), module_of("smollm3"), overrides, select=select)
    assert record.failures == []
    whole = WHOLE.keys() if select is EVERYTHING else set()
    assert set(_skips(record)) == skips | EXACT.keys() | whole
    assert record.overrides == overrides


def test_layers_as_claimed_and_as_probed() -> None:
    right = layer_facts(Subject(load("smollm3").spec, module_of("smollm3")))
    assert [layer.rotates_found for layer in right] == [True, True, True, False]
    assert [layer.window_found for layer in right] == [None, None, None, 8]
    spec = changed("smollm3", {"attention.rope.layers": "all", "attention.window": "none"})
    wrong = layer_facts(Subject(spec, module_of("smollm3")))
    assert [layer.agree for layer in wrong] == [True, True, True, False]
    assert (wrong[3].rotates_claimed, wrong[3].rotates_found) == (True, False)
    assert (wrong[3].window_claimed, wrong[3].window_found) == (None, 8)


def test_layers_of_a_spec_that_does_not_fit_are_unknown() -> None:
    spec = changed("smollm3", {"paths.blocks": "model.blocks"})
    assert layer_facts(Subject(spec, module_of("smollm3"))) == ()


def test_a_config_key_that_hf_ignores_is_refused() -> None:
    with pytest.raises(Failure) as caught:
        verify(load("smollm3"), module_of("smollm3"), {"atention_bias": True})
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message == "'atention_bias' is no config key of SmolLM3ForCausalLM"
    assert diagnostic.hint == "did you mean 'attention_bias'?"


def test_config_keys_by_their_old_names_are_what_hf_makes_of_them() -> None:
    changes = {"rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 4.0}}
    names = ("forward.logits", "claims.paths")
    record = verify(load("llama"), module_of("llama"), changes, select=Selection(only=names))
    assert (record.passed, record.overrides) == (True, changes)


def test_a_known_failure_of_a_check_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    text = (
        "architecture: LlamaForCausalLM\nextends: llama\nsummary: A decoder.\n"
        "verification:\n  checks:\n    claims.nrom: {reason: Not there., fails: [it]}\n"
        "    nonsense.entirely: {reason: Nor this., fails: [it]}\n"
    )
    path = tmp_path / "tiny.yaml"
    path.write_text(text)
    spec = Loader([str(tmp_path), str(ROOT / "specs")]).load(str(path))
    with pytest.raises(Failure) as caught:
        verify(spec, module_of("llama"))
    first, second = caught.value.diagnostics
    assert (first.line, first.column, first.hint) == (6, 5, "did you mean 'claims.norm'?")
    assert first.message == "'verification.checks.claims.nrom': no check is called so"
    assert (second.line, second.hint) == (7, "`adaptergen verify --list-checks` names them all")


def _checked(name: str) -> list[CheckResult]:
    checks = [check for check in ALL if check.group in ("forward", "weights")]
    return run_checks(Subject(load(name).spec, module_of(name)), checks)


def test_verifying_leaves_the_libraries_as_they_were() -> None:
    before = dict(ArchitectureAdapterFactory._adapters)
    softmax, threads = torch.nn.functional.softmax, torch.get_num_threads()
    _checked("smollm3")
    assert before == ArchitectureAdapterFactory._adapters
    assert torch.nn.functional.softmax is softmax
    assert torch.get_num_threads() == threads


def test_two_runs_find_the_same() -> None:
    one, other = _checked("qwen3"), _checked("qwen3")
    assert [(r.check, r.worst) for r in one] == [(r.check, r.worst) for r in other]
