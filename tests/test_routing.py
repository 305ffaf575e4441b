"""Hooks on what a router computes before it chooses experts."""

import copy
from typing import Any

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module

import adaptergen
from tests.registration import restored_factory
from tests.verify.conftest import hf_model, load

IDS = torch.tensor([[3, 4, 5, 6, 7]])
# By spec, the layer in HF's router that computes its logits, and names of its hook.
LAYERS = [
    ("afmoe", "mlp.router.gate", "mlp.gate.logits.hook_out"),
    ("afmoe", "mlp.router.gate", "mlp.router_gate.hook_out"),
    ("hunyuan_v1_moe", "mlp.gate.wg", "mlp.gate.logits.hook_out"),
]


def wrapped(model: Any) -> TransformerBridge:
    with restored_factory():
        adaptergen.register()
        return build_bridge_from_module(model, type(model).__name__, hf_config=model.config)


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize(("name", "layer", "hook"), LAYERS)
def test_an_edit_of_logits_chooses_other_experts(
    name: str, layer: str, hook: str, times: int
) -> None:
    model = copy.deepcopy(hf_model(name).model)
    ours = copy.deepcopy(model)
    for _ in range(times):
        bridge = wrapped(ours)
    with torch.no_grad():
        before = model(IDS).logits
        module = model.get_submodule(f"{load(name).spec.paths.blocks}.2.{layer}")
        edited = module.register_forward_hook(lambda _, __, logits: logits.flip(-1))
        wanted = model(IDS).logits
        edited.remove()
        edits = [(f"blocks.2.{hook}", lambda logits, hook: logits.flip(-1))]
        found = bridge.run_with_hooks(IDS, fwd_hooks=edits)
    assert (wanted - before).abs().max() > 0.1
    torch.testing.assert_close(found, wanted)


# By spec, a part of the experts' bridge with another name of it.
NAMED = [
    ("qwen2_moe", "shared_experts", "shared_expert"),
    ("gpt_oss", "gate", "router"),
]


@pytest.mark.parametrize(("name", "role", "other"), NAMED)
def test_a_part_has_all_of_its_hooks_under_each_of_its_names(
    name: str, role: str, other: str
) -> None:
    hooks = wrapped(copy.deepcopy(hf_model(name).model)).hook_dict
    below = f"blocks.2.mlp.{role}."
    named = {hook: point for hook, point in hooks.items() if hook.startswith(below)}
    assert named
    for hook, point in named.items():
        assert hooks[hook.replace(below, f"blocks.2.mlp.{other}.")] is point
