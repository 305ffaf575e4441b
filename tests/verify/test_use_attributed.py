"""Compatibility mode puts the scale of the logits into W_U, and the model stays whole."""

import pytest
import torch
from torch import Tensor

from adaptergen.verify import bridge as bridges
from adaptergen.verify.hf import HfModel
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load, module_of

KEYS = {"cohere": "logit_scale", "granite": "logits_scaling", "hyperclovax": "logits_scaling"}


def processed(name: str, scale: float) -> Subject:
    """A bridge in compatibility mode; the unembedding has a weight of its own."""
    spec = load(name).spec
    settings = {**spec.tiny, KEYS[name]: scale, "tie_word_embeddings": False}
    return Subject(spec, module_of(name), hf=HfModel(spec.architecture, settings))


def relative(logits: Tensor) -> Tensor:
    return logits - logits.mean(-1, keepdim=True)


@pytest.mark.parametrize("name", KEYS)
def test_a_model_of_the_weights_and_the_config_as_they_are_then_is_the_same(name: str) -> None:
    subject = processed(name, 0.35)
    batch = subject.hf.batch(8)
    wanted = relative(bridges.logits(subject.compatible, batch))
    model = subject.compatible.original_model
    weights = {n.replace("._original_component", ""): v for n, v in model.state_dict().items()}
    again = type(subject.hf.model)(model.config).to(wanted.dtype)
    again.load_state_dict({name: weights[name] for name in again.state_dict()})
    with torch.no_grad():
        torch.testing.assert_close(relative(again(batch.ids).logits), wanted)


@pytest.mark.parametrize("name", KEYS)
def test_the_config_that_a_model_was_made_of_keeps_its_scale(name: str) -> None:
    subject = processed(name, 0.35)
    given = subject.hf.config
    bridge = bridges.wrap(subject.adapter, subject.architecture, type(subject.hf.model)(given))
    assert bridge.original_model.config is given
    bridges.made_compatible(bridge)
    assert getattr(given, KEYS[name]) == 0.35
    assert getattr(bridge.cfg, KEYS[name]) == 0.35
    configs = {
        id(module.config)
        for module in bridge.original_model.modules()
        if isinstance(getattr(module, "config", None), type(given))
    }
    assert len(configs) == 1
