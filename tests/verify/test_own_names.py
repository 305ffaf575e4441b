"""Attention whose attributes have names of their own is computed all the same."""

import copy

import pytest
import torch

from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import Fact
from adaptergen.verify.checks import claims_attention as claims
from adaptergen.verify.precision import comparable
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


@pytest.mark.parametrize("name", ["llama", "olmo2", "gemma2"])
@pytest.mark.parametrize(
    "places", ["output", ("output", "nothing", "pattern"), ("output", "cache", "pattern")]
)
def test_attention_returns_what_is_declared_place_by_place(
    name: str, places: str | tuple[str, ...]
) -> None:
    subject = Subject(load(name).spec, module_of(name))
    path = f"{subject.layers[0]}.{subject.spec.attention.path}"
    call = subject.hf.call(path)
    attention = subject.bridge.blocks[0].attn
    attention.returns = places
    with bridges.observed(subject.bridge), torch.no_grad():
        found = attention(*call.args, **call.kwargs)
    output, pattern = call.value, call.pattern
    expected = {"output": output, "pattern": pattern, "nothing": None, "cache": None}
    values = (found,) if isinstance(places, str) else found
    names = (places,) if isinstance(places, str) else places
    assert len(values) == len(names)
    for value, place in zip(values, names, strict=True):
        if expected[place] is None:
            assert value is None
        else:
            torch.testing.assert_close(value, expected[place])


@pytest.mark.parametrize(("scale", "right"), [("scaling", True), ("attention_dropout", False)])
def test_a_scale_behind_a_cap_by_its_usual_name_need_not_double_scores(
    scale: str, right: bool
) -> None:
    spec = load("gemma2").spec
    assert isinstance(spec.attention, ReimplementedAttention)
    named = spec.attention.model_copy(update={"scale": scale})
    subject = Subject(spec.model_copy(update={"attention": named}), "")
    with comparable():
        facts = [fact for fact in claims.projections.examine(subject) if isinstance(fact, Fact)]
    wrong = {fact.claim for fact in facts if not fact.holds}
    assert wrong == (set() if right else {"attention.scale"})
