"""Bridges of layers that HF's modules stay in."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from generated.hook_aware import LinearBridge, NormalizationBridge


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_bias_that_processing_adds_has_the_type_of_the_weight(dtype: torch.dtype) -> None:
    layer, bridge = nn.Linear(3, 2, bias=False, dtype=dtype), LinearBridge(name="layer")
    bridge.set_original_component(layer)
    bridge.set_processed_weights({"weight": torch.ones(2, 3, dtype=dtype), "bias": torch.ones(2)})
    assert bridge(torch.ones(3, dtype=dtype)).tolist() == [4.0, 4.0]


class RMSNorm(nn.Module):
    """One without parameters, as NanoChat has."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + 1e-5)


class Doubled(nn.Module):
    """What may be in a hook point's place."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return 2 * value


NORMS: dict[str, Callable[[], nn.Module]] = {
    "layer": lambda: nn.LayerNorm(6),
    "layer without a bias": lambda: nn.LayerNorm(6, bias=False),
    "layer without a weight": lambda: nn.LayerNorm(6, elementwise_affine=False),
    "rms": lambda: nn.RMSNorm(6, eps=1e-5),
    "rms without a weight": RMSNorm,
    # The config has 1e-5.
    "layer with an epsilon of its own": lambda: nn.LayerNorm(6, eps=0.3),
    "rms with an epsilon of its own": lambda: nn.RMSNorm(6, eps=0.3),
}


def norm(kind: str) -> tuple[nn.Module, Any, torch.Tensor]:
    """A norm of random weights, its bridge, and what to give it."""
    torch.manual_seed(0)
    layer = NORMS[kind]()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    config = SimpleNamespace(eps=1e-5, uses_rms_norm="rms" in kind)
    bridge: Any = NormalizationBridge(
        name="norm",
        config=config,
        uses_rms_norm=config.uses_rms_norm,
    )
    bridge.set_original_component(layer)
    return layer, bridge, torch.randn(2, 3, 6)


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.filterwarnings("ignore:A forward hook edited")
def test_what_a_norm_returns_follows_an_edit_of_the_normalized(kind: str) -> None:
    layer, bridge, given = norm(kind)
    bias = getattr(layer, "bias", None)
    wanted = 2 * layer(given) - (0 if bias is None else bias)
    bridge.hook_normalized.add_hook(lambda value, hook: 2 * value)
    torch.testing.assert_close(bridge(given), wanted)
    bridge.hook_normalized.remove_hooks()
    bridge.hook_normalized = Doubled()
    torch.testing.assert_close(bridge(given), wanted)


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.filterwarnings("ignore:A forward hook edited")
def test_what_a_norm_returns_follows_an_edit_of_the_scale(kind: str) -> None:
    layer, bridge, given = norm(kind)
    bias = getattr(layer, "bias", None)
    wanted = layer(given) / 2 + (0 if bias is None else bias / 2)
    bridge.hook_scale.add_hook(lambda value, hook: 2 * value)
    torch.testing.assert_close(bridge(given), wanted)
    bridge.hook_scale.remove_hooks()
    bridge.hook_scale = Doubled()
    torch.testing.assert_close(bridge(given), wanted)


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("point", ["hook_normalized", "hook_scale"])
@pytest.mark.filterwarnings("ignore:A forward hook edited")
def test_an_edit_in_place_acts_as_any_other(kind: str, mode: Any, point: str) -> None:
    _, bridge, given = norm(kind)
    edits: tuple[Callable[..., Any], ...] = (
        lambda value, hook: 2 * value,
        lambda value, hook: value.mul_(2),
        lambda value, hook: None if value.mul_(2) is value else value,
    )
    found = []
    for edit in edits:
        bridge.get_submodule(point).add_hook(edit)
        with mode():
            found.append(bridge(given.clone()))
        bridge.get_submodule(point).remove_hooks()
    assert torch.equal(found[1], found[0])
    assert torch.equal(found[2], found[0])


@pytest.mark.parametrize("kind", NORMS)
def test_a_norm_that_is_only_looked_at_returns_what_hf_s_does(kind: str) -> None:
    layer, bridge, given = norm(kind)
    seen: list[torch.Tensor] = []
    bridge.hook_normalized.add_hook(lambda value, hook: seen.append(value))
    assert torch.equal(bridge(given), layer(given))
    weight, bias = (getattr(layer, name, None) for name in ("weight", "bias"))
    found = seen[0] * (1 if weight is None else weight) + (0 if bias is None else bias)
    torch.testing.assert_close(found, layer(given))


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.filterwarnings("ignore:Backward hooks")
def test_gradients_of_what_a_norm_shows_are_those_that_reach_it(kind: str) -> None:
    layer, bridge, given = norm(kind)
    gradients: list[torch.Tensor] = []
    bridge.hook_normalized.add_hook(lambda value, hook: gradients.append(value), dir="bwd")
    bridge(given.requires_grad_()).sum().backward()
    weight = getattr(layer, "weight", None)
    wanted = torch.ones(2, 3, 6) * (1 if weight is None else weight)
    torch.testing.assert_close(gradients[0], wanted)
