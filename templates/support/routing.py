"""The bridges of experts, and of the router that chooses among them for each token."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge import generalized_components as tl

from .hook_aware import LinearBridge, hf_module


class MoEBridge(tl.MoEBridge):
    """TL's bridge of a mixture of experts, whose parts go by HF's names, too.

    So do those of some of TL's own adapters, where the names here are the same for all.
    """

    def set_original_component(self, original_component: nn.Module) -> None:
        """Set the module that the bridge wraps, which may have no experts on this layer."""
        super().set_original_component(original_component)
        names = dict(_hf_names(original_component, self.submodules))
        self.property_aliases = {**self.property_aliases, **names}
        hooks = {
            f"{name}.{hook}": f"{role}.{point}"
            for name, role in names.items()
            for hook, point in _hooks(self.submodules.get(role))
        }
        self.hook_aliases = {**self.hook_aliases, **hooks}


def _hf_names(experts: nn.Module, bridges: Any) -> Iterator[tuple[str, str]]:
    """Further names of the router and the shared experts of an HF module, with TL's."""
    for role in ("gate", "shared_experts"):
        name = str(getattr(bridges.get(role), "name", ""))
        part = getattr(experts, name, None)
        if part is not None and name != role:
            yield name, role
            # TL calls the layer in the router that computes its logits after both.
            if hasattr(part, role):
                yield f"{name}_{role}", f"{role}.logits"


def _hooks(bridge: Any) -> Iterator[tuple[str, str]]:
    """The names of all hooks of a bridge and of those below it, with those of their hook points.

    Without a bridge, they are those of a layer.
    """
    if bridge is None:
        yield from (("hook_in", "hook_in"), ("hook_out", "hook_out"))
        return
    for name, point in bridge.named_children():
        if isinstance(point, HookPoint):
            yield name, name
    yield from bridge.hook_aliases.items()
    for name, part in bridge.submodules.items():
        for hook, point in _hooks(part):
            yield f"{name}.{hook}", f"{name}.{point}"


class MoERouterBridge(tl.MoERouterBridge):
    """TL's bridge of a router, in whichever order HF returns experts' weights and numbers."""

    def set_original_component(self, original_component: nn.Module) -> None:
        """Set the module that the bridge wraps; HF's own, below, shows the order in its results."""
        super().set_original_component(original_component)
        router = hf_module(original_component)
        router.register_forward_hook(self._learn_order)
        # What HF returns as logits it has chosen by already; hooks on the layer come before that.
        parts = router.named_children()
        layers = [name for name, part in parts if isinstance(hf_module(part), nn.Linear)]
        if len(layers) == 1:
            self.submodules["logits"] = LinearBridge(name=layers[0])

    def set_processed_weights(
        self, weights: Mapping[str, torch.Tensor | None], verbose: bool = False
    ) -> None:
        """Set weights by the names of TL's components, such as `logits.weight`."""
        if "logits" not in self.submodules:
            super().set_processed_weights(weights, verbose=verbose)
            return
        named: dict[str, Any] = {
            name.removeprefix("logits."): value for name, value in weights.items()
        }
        self.submodules["logits"].set_processed_weights(named, verbose=verbose)

    def _learn_order(self, router: nn.Module, args: Any, results: Any) -> None:
        # TL takes weights to come first, and asks after the call where they are.
        if isinstance(results, tuple) and not results[1].is_floating_point():
            # TL hands on what is set of a bridge to the module below, which may be a bridge too.
            self.__dict__.update(weights_index=2, indices_index=1)
