"""Layers of HF's that compute several projections: they stay whole, and TL's parts are theirs."""

import contextlib
import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_config_from_hf

from adaptergen.verify import bridge as bridges
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load, module_of

# Stacked, in groups as many as heads, in groups where TL computes attention.
SPECS = ("phi3", "gpt_neox", "falcon")
IDS = torch.tensor([[3, 7, 11, 5, 8], [4, 9, 6, 12, 10]])


@pytest.fixture(scope="module", params=SPECS)
def subject(request: pytest.FixtureRequest) -> Subject:
    return Subject(load(request.param).spec, module_of(request.param))


@pytest.fixture
def model(subject: Subject) -> Any:
    return copy.deepcopy(subject.hf.model)


@pytest.fixture
def bridge(subject: Subject, model: Any) -> TransformerBridge:
    return bridges.wrap(subject.adapter, subject.architecture, model)


def logits(bridge: Any, **hooks: Callable[..., Any]) -> Tensor:
    points = [(f"blocks.0.attn.{name.replace('__', '.')}", hook) for name, hook in hooks.items()]
    with torch.no_grad():
        found: Tensor = bridge.run_with_hooks(IDS, fwd_hooks=points)
    return found


def layer_of(bridge: TransformerBridge) -> nn.Linear:
    found = bridge.blocks[0].attn.qkv.original_component
    assert isinstance(found, nn.Linear)
    return found


def counted(bridge: TransformerBridge) -> list[Any]:
    calls: list[Any] = []
    layer_of(bridge).register_forward_hook(lambda *call: calls.append(call))
    return calls


def test_the_layer_runs_once_whatever_is_hooked(bridge: TransformerBridge) -> None:
    calls = counted(bridge)
    for listening in ({}, {"q__hook_out": bridges.ignore}, {"hook_pattern": bridges.ignore}):
        logits(bridge, **listening)
        assert len(calls) == 1
        calls.clear()
    with torch.no_grad():
        bridge.run_with_cache(IDS)
    assert len(calls) == 1


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("role", ["q", "k", "v"])
def test_a_value_changed_in_place_is_what_projections_read_from_then_on(
    bridge: TransformerBridge, role: str, mode: Any
) -> None:
    def in_place(value: Tensor, hook: HookPoint) -> Tensor:
        return value.mul_(2.0)

    attention, hidden = bridge.blocks[0].attn, torch.randn(2, 3, layer_of(bridge).in_features)
    hidden = hidden.to(layer_of(bridge).weight.dtype)
    parts = {name: getattr(attention, name) for name in "qkv"}
    with mode(), attention.qkv.running_once(parts.values()):
        values = hidden.clone()
        with bridges.hooked(parts[role].hook_in, hook=in_place):
            found = {name: part(values) for name, part in parts.items()}
    for name, part in parts.items():
        read = 2 * hidden if "qkv".index(name) >= "qkv".index(role) else hidden
        with torch.no_grad():
            torch.testing.assert_close(found[name], part(read))


def test_an_edit_of_what_one_projection_reads_is_seen_by_no_other(
    bridge: TransformerBridge,
) -> None:
    seen: dict[str, Tensor] = {}

    def keep(value: Tensor, hook: HookPoint) -> None:
        assert hook.name is not None
        seen[hook.name] = value.clone()

    listening = {f"{role}__hook_out": keep for role in "qkv"}
    logits(bridge, **listening)
    before = dict(seen)
    logits(bridge, **listening, k__hook_in=lambda value, hook: torch.zeros_like(value))
    same = {name: torch.equal(value, before[name]) for name, value in seen.items()}
    assert list(same.values()) == [True, False, True]


# Hooks on the layer, and on its parts, by name, with what an edit of each changes.
EDITED = {
    "qkv.hook_in": "qkv",
    "qkv.hook_out": "qkv",
    **{f"{role}.{end}": role for role in "qkv" for end in ("hook_in", "hook_out")},
}


@pytest.mark.parametrize("stepwise", [True, False])
@pytest.mark.parametrize("edited", [None, *EDITED])
def test_each_hook_fires_once_each_way_and_an_edit_is_seen_by_what_it_is_for(
    subject: Subject, bridge: TransformerBridge, edited: str | None, stepwise: bool
) -> None:
    attention = bridge.blocks[0].attn
    points = {name: attention.get_submodule(name) for name in EDITED}
    fired: dict[str, list[Tensor]] = {}

    def passed() -> dict[str, list[Tensor]]:
        fired.clear()
        loss = bridge(IDS).logsumexp(-1).sum()
        parameters = [value for value in bridge.parameters() if value.requires_grad]
        torch.autograd.grad(loss, parameters, allow_unused=True)
        return {name: list(values) for name, values in fired.items()}

    def hears(key: str) -> Callable[..., None]:
        return lambda value, hook: fired.setdefault(key, []).append(value.detach().clone())

    with contextlib.ExitStack() as hooks:
        for name, point in points.items():
            point.add_hook(hears(f"{name} backward"), dir="bwd")
            point.add_hook(hears(name))
            hooks.callback(point.remove_hooks, "both")
        if stepwise:
            hooks.enter_context(bridges.hooked(attention.hook_pattern))
        before = passed()
        if edited:
            points[edited].add_hook(lambda value, hook: 2 * value, prepend=True)
        found = passed()
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(before, 1)
    assert found.keys() == {*EDITED, *(f"{name} backward" for name in EDITED)}
    for role in "qkv":
        (ours,), (theirs,) = found[f"{role}.hook_out"], before[f"{role}.hook_out"]
        assert torch.equal(ours, theirs) == (role not in EDITED.get(edited or "", ""))
    through = [
        (2 if edited == f"{r}.hook_in" else 1) * found[f"{r}.hook_in backward"][0] for r in "qkv"
    ]
    torch.testing.assert_close(found["qkv.hook_in backward"][0], sum(through))


def test_heads_can_be_changed_in_place_with_gradients(bridge: TransformerBridge) -> None:
    def ablate(value: Tensor, hook: HookPoint) -> Tensor:
        value[:, :, 0] = 0
        return value

    loss = bridge.run_with_hooks(IDS, fwd_hooks=[("blocks.0.attn.hook_q", ablate)]).sum()
    (gradient,) = torch.autograd.grad(loss, [layer_of(bridge).weight])
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("trained", [True, False])
def test_parts_are_trained_if_the_layer_is(subject: Subject, model: Any, trained: bool) -> None:
    model.requires_grad_(trained)
    bridge = bridges.wrap(subject.adapter, subject.architecture, model)
    assert bridge.blocks[0].attn.q.weight.requires_grad == trained
    assert {p.requires_grad for p in bridge.parameters() if p.numel() > 1 and p.any()} == {trained}


def test_no_parameter_is_there_twice(subject: Subject, bridge: TransformerBridge) -> None:
    theirs = sum(p.numel() for p in subject.hf.model.parameters())
    # TL gives the unembedding a bias.
    ours = sum(p.numel() for n, p in bridge.named_parameters() if "lm_head" not in n)
    unembedding = subject.hf.model.get_output_embeddings().weight
    tied = unembedding is subject.hf.model.get_input_embeddings().weight
    assert ours + (0 if tied else unembedding.numel()) == theirs


def test_a_bridge_without_prepare_model_is_right(subject: Subject, model: Any) -> None:
    config = build_bridge_config_from_hf(
        copy.deepcopy(model.config), subject.architecture, "tiny", torch.float64
    )
    bridge = TransformerBridge(model, subject.adapter(config), None)  # type: ignore[arg-type]
    # HF computes the softmax in float32 where nobody asked for SDPA.
    torch.testing.assert_close(logits(bridge), logits(subject.bridge), rtol=0, atol=1e-5)


def test_a_copy_of_a_bridge_is_a_bridge_of_its_own(bridge: TransformerBridge) -> None:
    wanted = logits(bridge, hook_pattern=bridges.ignore)
    copied = copy.deepcopy(bridge)
    with torch.no_grad():
        for parameter in bridge.parameters():
            parameter.zero_()
    assert torch.equal(logits(copied, hook_pattern=bridges.ignore), wanted)


def test_nothing_keeps_the_weights_of_a_bridge_that_is_gone(subject: Subject) -> None:
    model = copy.deepcopy(subject.hf.model)
    bridge = bridges.wrap(subject.adapter, subject.architecture, model)
    weight = weakref.ref(layer_of(bridge).weight)
    # Wrapping leaves something for it, once.
    gc.collect()
    del bridge, model
    assert weight() is None


def test_parts_written_are_written_to_the_layer(bridge: TransformerBridge) -> None:
    given = {key: torch.full_like(value, 0.5) for key, value in bridge.state_dict().items()}
    bridge.load_state_dict(given)
    assert layer_of(bridge).weight.unique().tolist() == [0.5]


def test_shapes_that_do_not_fit_are_refused(bridge: TransformerBridge) -> None:
    state = bridge.state_dict()
    key = "blocks.0.attn.k.weight"
    with pytest.raises(RuntimeError, match="its shape is"):
        bridge.load_state_dict({**state, key: state[key][1:]})
