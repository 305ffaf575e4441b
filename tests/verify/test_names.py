"""What TL's own adapters call a part of a model is a name of the same part here."""

import copy

import pytest
import torch
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module

import adaptergen
from adaptergen.verify.precision import comparable
from tests.registration import restored_factory
from tests.verify.conftest import hf_model, load

ROTARY = ["rotary_emb.hook_cos", "rotary_emb.hook_sin"]
# Some hook points that TL's adapters have, on a layer that has them.
NAMES = {
    "afmoe": ["blocks.1.mlp.router_gate.hook_out"],
    "deepseek_v3": ["blocks.1.mlp.gate.hook_in", "blocks.1.mlp.shared_experts.hook_out"],
    "gpt_neox": ["blocks.0.attn.hook_cos", *ROTARY],
    "gpt_oss": [
        "blocks.0.mlp.router.hook_in",
        "blocks.0.mlp.router.hook_out",
        "blocks.0.mlp.router.hook_expert_weights",
        "blocks.0.attn.hook_cos",
        "blocks.0.attn.hook_sin",
        *ROTARY,
    ],
    "qwen2_moe": [
        "blocks.0.mlp.shared_expert.hook_in",
        "blocks.0.mlp.shared_expert.gate.hook_out",
        "blocks.0.mlp.shared_expert.out.hook_in",
        "blocks.0.mlp.shared_expert.hook_out",
    ],
}


def wrapped(name: str) -> TransformerBridge:
    """The tiny model of a spec, by the adapter that TL knows by then."""
    model = copy.deepcopy(hf_model(name).model)
    return build_bridge_from_module(model, load(name).spec.architecture, hf_config=model.config)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_transformer_lens_are_names_here(name: str) -> None:
    tokens = torch.arange(3, 11)[None]
    with restored_factory():
        theirs = wrapped(name)
        adaptergen.register()
        ours = wrapped(name)
    assert type(ours.adapter) is not type(theirs.adapter)
    for hook in NAMES[name]:
        expected = theirs.run_with_cache(tokens, names_filter=[hook])[1]
        found = ours.run_with_cache(tokens, names_filter=[hook])[1]
        seen: list[torch.Tensor] = []
        ours.run_with_hooks(tokens, fwd_hooks=[(hook, lambda value, hook: seen.append(value))])  # noqa: B023
        torch.testing.assert_close(found[hook], expected[hook], check_dtype=False)
        torch.testing.assert_close(seen[0], expected[hook], check_dtype=False)
        assert isinstance(_at(ours, hook), HookPoint)


@pytest.mark.parametrize(
    ("name", "place"), [("phi3", "self_attn.qkv_proj"), ("gpt_neox", "attention.query_key_value")]
)
def test_the_layer_of_all_three_projections_is_shown_as_a_whole(name: str, place: str) -> None:
    """TL's adapters have these names for it, too, but nothing is shown under them."""
    hf = hf_model(name)
    with restored_factory(), comparable():
        call = hf.call(f"{load(name).spec.paths.blocks}.1.{place}")
        adaptergen.register()
        cache = wrapped(name).run_with_cache(hf.batch(hf.length).ids)[1]
    torch.testing.assert_close(cache["blocks.1.attn.qkv.hook_in"], call.input)
    torch.testing.assert_close(cache["blocks.1.attn.qkv.hook_out"], call.value)


def _at(bridge: TransformerBridge, path: str) -> object:
    """What is at a dotted path of attributes."""
    found: object = bridge
    for part in path.split("."):
        found = found[int(part)] if part.isdecimal() else getattr(found, part)  # type: ignore[index]
    return found
