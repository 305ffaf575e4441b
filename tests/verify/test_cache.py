"""The cache checks where HF's own cache does not work, and the batches that they use."""

from adaptergen.verify.checks import cache
from adaptergen.verify.record import Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load, module_of


def test_a_cache_that_fails_in_hf_itself_is_no_failure_of_the_adapter() -> None:
    subject = Subject(load("qwen3").spec, module_of("qwen3"), {"sliding_window": 1})
    for result in run_checks(subject, [cache.prefill, cache.padding]):
        assert result.status is Status.SKIPPED
        assert result.message.startswith("HF itself fails with a cache: RuntimeError")


def test_texts_are_longer_than_the_windows() -> None:
    subject = Subject(load("mistral").spec, module_of("mistral"))
    window = subject.hf.config.sliding_window
    assert subject.hf.batch(subject.hf.length).ids.shape[1] > 2 * window
    mask = subject.hf.padded("left").mask
    assert mask is not None
    padding = (1 - mask).sum(dim=1).tolist()
    assert padding == [0, 5]
