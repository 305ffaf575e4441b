"""A window of one token, in which attention itself shows neither order nor scores."""

from collections.abc import Callable

from adaptergen.verify import verify
from adaptergen.verify.checks import claims_attention, hooks
from adaptergen.verify.hf import HfModel
from adaptergen.verify.record import Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import Selection
from adaptergen.verify.subject import Subject
from tests.verify.conftest import NEVER, changed, load, module_of, stepwise

NARROW = {"sliding_window": 1}


def test_a_right_adapter_passes() -> None:
    # These build many models or compile, and do not look at the window.
    select = Selection(skip=("claims.config", "variants", "precision", "use"))
    record = verify(load("mistral"), module_of("mistral"), NARROW, select=select)
    assert record.failures == []
    skipped = {r.check: r.message for r in record.results if r.status is Status.SKIPPED}
    assert skipped["fused.mask"] == "no layer sees two tokens without a mask"
    refused = {check for check, message in skipped.items() if message.startswith("HF itself ")}
    assert refused == {"cache.prefill", "cache.padding", "checkpoint.generate"}
    assert [layer.rotates_found for layer in record.layers] == [True] * 4
    assert [layer.window_found for layer in record.layers] == [1] * 4


def test_swapped_projections_are_noticed() -> None:
    swapped = {"attention.projections.q": "k_proj", "attention.projections.k": "q_proj"}
    spec = changed("mistral", swapped)
    hf = HfModel(spec.architecture, {**spec.tiny, **NARROW})
    subject = Subject(spec, module_of("mistral"), NARROW, hf)
    (result,) = run_checks(subject, [claims_attention.projections])
    assert "HF's k_proj plays the part of k, the spec says q" in result.message


def test_a_rotation_that_no_output_shows_is_noticed(broken: Callable[..., str]) -> None:
    own, general = "_SmolLM3AttentionBridge(\n", "PositionEmbeddingsAttentionBridge(\n"
    module = broken("smollm3", ((own, general),), stepwise("smollm3"))
    subject = Subject(changed("smollm3", NEVER), module, NARROW)
    (result,) = run_checks(subject, [hooks.rotation])
    assert (result.status, result.layer) == (Status.FAILED, 3)
    assert "contradicts attention.rope.layers" in result.message
