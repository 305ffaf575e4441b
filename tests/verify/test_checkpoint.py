"""A tiny checkpoint on disk, loaded by HF and by TL."""

import pytest
import torch

from adaptergen.verify.checkpoint import load as load_checkpoint
from adaptergen.verify.checkpoint import settings
from adaptergen.verify.precision import comparable
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load, module_of


def test_a_checkpoint_holds_the_model_and_a_tokenizer_for_its_vocabulary(
    capfd: pytest.CaptureFixture[str],
) -> None:
    subject = Subject(load("llama").spec, module_of("llama")).variant(**settings())
    with comparable():
        loaded = load_checkpoint(subject.adapter, subject.hf)
    for one, other in zip(loaded.model.parameters(), subject.hf.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert len(loaded.tokenizer) == loaded.model.config.vocab_size
    text = "then the naïve one"
    assert loaded.tokenizer.decode(loaded.tokenizer(text).input_ids) == text
    assert type(loaded.bridge.adapter) is subject.adapter
    assert capfd.readouterr() == ("", "")
