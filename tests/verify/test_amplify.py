"""Which numbers of a model are made random, so that losing them shows."""

import copy

import torch

from adaptergen.verify.amplify import learned
from tests.verify.conftest import hf_model

CORRECTION = "e_score_correction_bias"


def test_corrections_that_routers_keep_as_buffers_count() -> None:
    hf = hf_model("dots1")
    names = [name for name in learned(hf.model) if name.endswith(CORRECTION)]
    assert names
    for name in names:
        without = copy.deepcopy(hf.model)
        learned(without)[name].zero_()
        with torch.no_grad():
            logits = without(hf.batch(hf.length).ids).logits
        assert (logits - hf.seen.logits).abs().max() > 1e-3, name


def test_constants_that_are_saved_stay() -> None:
    buffers = hf_model("apertus").model.named_buffers()
    betas = [value.item() for name, value in buffers if name.endswith("act_fn.beta")]
    assert set(betas) == {0.5}


def test_a_model_under_another_config_keeps_all_that_is_learned() -> None:
    hf = hf_model("dots1")
    moved = hf.moved({"routed_scaling_factor": 3.0})
    ours, theirs = learned(hf.model), learned(moved.model)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not torch.equal(hf.logits(hf.batch(8)), moved.logits(hf.batch(8)))
