"""Edits inside HF's model: they hit what they should, and leave nothing behind."""

import pytest
import torch
from torch import nn

from adaptergen.components.mlp.probe import probe_of
from adaptergen.verify import probe
from adaptergen.verify.hf import HfModel
from adaptergen.verify.interventions import (
    hf_logits,
    of_heads,
    of_pattern,
    of_stream,
)
from tests.verify.conftest import load

SPEC = load("llama").spec
BLOCK = "model.layers.1"


@pytest.fixture
def hf() -> HfModel:
    model = HfModel(SPEC.architecture, SPEC.tiny)
    # The main pass, which HF hooks for good to collect patterns, is not what is tested.
    assert model.seen is not None
    return model


def _hooks(hf: HfModel) -> list[tuple[object, ...]]:
    return [(*m._forward_hooks, *m._forward_pre_hooks) for m in hf.model.modules()]


def test_a_head_s_output_set_to_zero_is_its_columns_of_the_projection_set_to_zero(
    hf: HfModel,
) -> None:
    (z,) = [i for i in of_heads(SPEC, 1) if i.hook == "attn.hook_z"]
    found = hf_logits(hf, SPEC, BLOCK, z)
    with torch.no_grad():
        hf.module(f"{BLOCK}.self_attn.o_proj").weight[:, 16:32] = 0
    torch.testing.assert_close(found, hf.logits(hf.batch(hf.length)))


def test_a_pattern_s_last_row_made_even_is_the_mean_of_the_values(hf: HfModel) -> None:
    (_, row) = of_pattern(SPEC, 1)
    seen: list[torch.Tensor] = []
    output = f"{BLOCK}.self_attn.o_proj"
    handle = hf.module(output).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    hf_logits(hf, SPEC, BLOCK, row)
    handle.remove()
    values = hf.call(f"{BLOCK}.self_attn.v_proj").value
    # Query head 1 of 4 reads the first of two heads of values.
    torch.testing.assert_close(seen[0][:, -1, 16:32], values[..., :16].mean(dim=1))
    torch.testing.assert_close(seen[0][:, :-1], hf.call(output).input[:, :-1])


def test_the_stream_moves_with_what_attention_returns(hf: HfModel) -> None:
    own, other = (
        next(i for i in of_stream(SPEC, reaches, 1.0) if i.hook == "hook_resid_mid")
        for reaches in (True, False)
    )
    attention = next(i for i in of_stream(SPEC, True, 1.0) if i.hook == "hook_attn_out")
    assert (own.path, own.place) == (attention.path, attention.place)
    difference = hf_logits(hf, SPEC, BLOCK, own) - hf_logits(hf, SPEC, BLOCK, other)
    assert difference.abs().max() > 0.1


def test_edits_leave_nothing_behind(hf: HfModel) -> None:
    before, softmax = hf.logits(hf.batch(hf.length)), nn.functional.softmax
    hooks = _hooks(hf)
    for edits in (
        of_stream(SPEC, True, 1.0),
        of_heads(SPEC, 1),
        of_pattern(SPEC, 1),
        probe_of(SPEC.mlp).interventions(),
    ):
        for intervention in edits:
            assert (hf_logits(hf, SPEC, BLOCK, intervention) - before).abs().max() > 1e-3
    assert torch.equal(hf.logits(hf.batch(hf.length)), before)
    assert nn.functional.softmax is softmax
    assert _hooks(hf) == hooks
    with probe.editing(hf, {BLOCK: lambda output: output}):
        assert torch.equal(hf.logits(hf.batch(hf.length)), before)
