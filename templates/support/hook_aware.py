"""Bridges of linear layers, norms and the unembedding: HF's alone until they are hooked."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge import generalized_components as tl
from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent


class _HookAware(GeneralizedComponent):
    """HF's module, with nothing around it while no hook is attached to the bridge."""

    # Whether HF may change in place what the module returns: hooks keep what they saw.
    hands_copy = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module, with the hooks of PyTorch that are attached to the bridge."""
        if self.is_observed():
            output = super().__call__(*args, **kwargs)
        elif has_torch_hooks(self):
            # Around a bridge that reads weights, TL loads those that were moved elsewhere. HF does
            # so around its own module.
            output = nn.Module.__call__(self, *args, **kwargs)
        else:
            wrapped: Any = self.original_component
            return wrapped(*args, **kwargs)
        return output.clone() if self.hands_copy else output

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module; called as HF calls it, and returns what it does."""
        if self.is_observed():
            return super().forward(*args, **kwargs)
        wrapped: Any = self.original_component
        return wrapped(*args, **kwargs)

    def is_observed(self) -> bool:
        """Whether there is a hook on anything that the bridge shows."""
        return has_hooks(self)

    def set_processed_weights(
        self, weights: Mapping[str, torch.Tensor | None], verbose: bool = False
    ) -> None:
        """Write weights into HF's module, as the bridge right around it does.

        What another bridge has is no parameter or buffer of its own to write into.
        """
        around: Any = _around_hf_module(self)
        if around is self:
            around = super()
        around.set_processed_weights(weights, verbose=verbose)


class LinearBridge(_HookAware, tl.LinearBridge):
    """TL's bridge of a linear layer, at no cost until it is hooked."""

    def set_processed_weights(
        self, weights: Mapping[str, torch.Tensor | None], verbose: bool = False
    ) -> None:
        """Write weight and bias, in the type of HF's weight: TL computes biases in float32."""
        dtype = hf_module(self).weight.dtype
        typed = {
            name: value if value is None else value.to(dtype) for name, value in weights.items()
        }
        super().set_processed_weights(typed, verbose=verbose)


class NormalizationBridge(_HookAware, tl.NormalizationBridge):
    """TL's bridge of a norm, which takes the norm apart for hooks on its scale and its result."""

    def __init__(self, *args: Any, uses_weight_offset: bool | None = None, **kwargs: Any) -> None:
        """Make the bridge, as TL's, which in 3.9 takes no offset of a LayerNorm's weight."""
        super().__init__(*args, **{**kwargs, "use_native_layernorm_autograd": True})
        self._weight_offset = uses_weight_offset

    @property
    def uses_weight_offset(self) -> bool:
        """Whether the norm multiplies by 1 + weight; of RMS norms TL's config says so."""
        if self._weight_offset is not None:
            return self._weight_offset
        return self.uses_rms_norm and bool(getattr(self.config, "rmsnorm_uses_offset", False))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the norm; called as HF calls it, and returns what it does."""
        hidden = self.hook_in(*args)
        # Where nothing is hooked, a point that is not called leaves compiled code to look again.
        if has_hooks(self, but=("hook_in", "hook_out")):
            return self.hook_out(self._taken_apart(hidden))
        return self.hook_out(hf_module(self)(hidden))

    @property
    def _eps(self) -> Any:
        """The number that keeps the norm finite: HF's norm may have another than the config."""
        norm, config = hf_module(self), self.config
        own = getattr(norm, "eps", getattr(norm, "variance_epsilon", None))
        return getattr(config, "eps", 1e-5) if own is None else own

    def _taken_apart(self, hidden: torch.Tensor) -> torch.Tensor:
        """The norm of [..., width] step by step, or HF's own where hooks change nothing."""
        wide = hidden if hidden.dtype is torch.float64 else hidden.float()
        centred = wide if self.uses_rms_norm else wide - wide.mean(-1, keepdim=True)
        scale = (centred.pow(2).mean(-1, keepdim=True) + self._eps).sqrt()
        shown_scale, scale_left = _shown(scale, self.hook_scale)
        shown, left = _shown(centred / shown_scale, self.hook_normalized)
        norm = hf_module(self)
        if scale_left and left:
            result: torch.Tensor = norm(hidden)
            return result
        points: Any = (self.hook_scale, self.hook_normalized)
        if any(getattr(point, "bwd_hooks", None) for point in points):
            _warn_of_rounding("Backward hooks on hook_scale and hook_normalized")
        elif all(type(point) is HookPoint for point in points):
            _warn_of_rounding("A forward hook edited hook_scale or hook_normalized. Such edits")
        weight = getattr(norm, "weight", None)
        if weight is not None:
            shown = shown * (1 + weight if self.uses_weight_offset else weight)
        bias = getattr(norm, "bias", None)
        normed: torch.Tensor = (shown if bias is None else shown + bias).to(hidden.dtype)
        return normed


class RMSNormalizationBridge(NormalizationBridge, tl.RMSNormalizationBridge):
    """TL's bridge of an RMS norm, likewise."""


class UnembeddingBridge(_HookAware, tl.UnembeddingBridge):
    """TL's bridge of the unembedding, at no cost until it is hooked."""


def _warn_of_rounding(reason: str) -> None:
    rest = "have a norm's output reconstructed from the hooked values, which rounds otherwise"
    warnings.warn(f"{reason} {rest}", stacklevel=4)


def version_of(values: torch.Tensor) -> float:
    """How often values were changed in place; unlike itself where PyTorch does not count."""
    return math.nan if values.is_inference() else values._version


def _shown(values: torch.Tensor, point: Any) -> tuple[torch.Tensor, bool]:
    """What a hook point makes of values, and whether that is the values as they were.

    It is not where gradients are heard, which are to be those of what is computed further on.
    """
    before = values.clone() if values.is_inference() else None
    version = version_of(values)
    shown: torch.Tensor = point(values)
    if shown is not values or type(point) is not HookPoint or point.bwd_hooks:
        return shown, False
    return shown, version == version_of(shown) if before is None else torch.equal(shown, before)


def hf_module(module: Any) -> Any:
    """HF's own module below bridges, of which there are several where a model is wrapped again."""
    while "_original_component" in module._modules:
        module = module._modules["_original_component"]
    return module


def _around_hf_module(bridge: nn.Module) -> nn.Module:
    """The last bridge above HF's own module."""
    wrapped: Any = bridge._modules["_original_component"]
    return _around_hf_module(wrapped) if "_original_component" in wrapped._modules else bridge


def has_hooks(bridge: nn.Module, but: tuple[str, ...] = ()) -> bool:
    """Whether any of the bridge's own hook points does more than hand on what it is given."""
    # Asked for each layer and token: this loop takes a third of what `named_children` does.
    for name, point in bridge._modules.items():
        if not name.startswith("hook_") or name in but:
            continue
        # SAEs are put in a hook point's place; nothing is attached to them.
        if type(point) is not HookPoint:
            return True
        # TL's hooks are PyTorch's too, but compiled code is guarded by TL's lists alone.
        if point.fwd_hooks or point.bwd_hooks or has_torch_hooks(point):
            return True
    return False


def has_torch_hooks(module: nn.Module) -> bool:
    """Whether hooks of PyTorch are attached to a module itself."""
    before = module._forward_pre_hooks or module._backward_pre_hooks
    return bool(before or module._forward_hooks or module._backward_hooks)
