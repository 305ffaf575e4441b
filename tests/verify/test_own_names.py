"""Attention whose attributes have names of their own is computed all the same."""

import copy

import pytest
import torch

from adaptergen.verify import bridge as bridges
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load, module_of


@pytest.mark.parametrize("name", ["llama", "olmo"])
def test_sizes_that_the_module_does_not_name_are_those_of_the_config(name: str) -> None:
    subject = Subject(load(name).spec, module_of(name))
    batch = subject.hf.batch(7)
    model = copy.deepcopy(subject.hf.model)
    for layer in model.get_decoder().layers:
        for attribute in ("head_dim", "num_key_value_groups"):
            delattr(layer.self_attn, attribute)
    unnamed = bridges.wrap(subject.adapter, subject.architecture, model)
    found = bridges.stepwise_logits(unnamed, batch)
    assert torch.equal(found, bridges.stepwise_logits(subject.bridge, batch))
