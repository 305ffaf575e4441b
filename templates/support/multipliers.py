"""What HF multiplies by constants of its config: embedding, residual stream and logits."""

import copy
import math
from contextlib import ExitStack
from functools import partial
from typing import Any, ClassVar

import torch
from torch import nn
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge import generalized_components as tl

from .base_adapter import BaseAdapter
from .hook_aware import has_hooks


class EmbeddingBridge(tl.EmbeddingBridge):
    """TL's bridge of the embedding, whose output HF scales afterwards: hooks show it scaled."""

    def __init__(self, *args: Any, output_contribution_scale: float = 1.0, **kwargs: Any) -> None:
        """Make the bridge, as TL's, which 3.9 knows no scale of."""
        super().__init__(*args, **kwargs)
        self.scale = output_contribution_scale

    def forward(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Run HF's module; called as it is, and returns what it does."""
        point: Any = self.hook_out
        if type(point) is HookPoint and self.scale == 1:
            return super().forward(*args, **kwargs)
        # TL would ask other modules in its place for their hooks.
        embed: Any = self.original_component
        output: torch.Tensor = embed(self.hook_in(*args), **kwargs)
        if not has_hooks(self, but=("hook_in",)):
            return output
        return _shown_scaled(output, point, self.scale)


class ScaledResidualBlockBridge(tl.ScaledResidualBlockBridge):
    """TL's bridge of a block that scales what it adds to the residual stream."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run HF's block; called as it is, and returns what it does."""
        parts = {
            "hook_attn_out": self.scaled_attn_submodule,
            "hook_mlp_out": self.scaled_mlp_submodule,
        }
        with ExitStack() as showing:
            for name, part in parts.items():
                point = self._modules.get(name)
                # TL's own hooks keep to the hook points that were there first.
                if point is not None and type(point) is not HookPoint:
                    show = partial(self._show, point)
                    handle = self.get_submodule(str(part)).register_forward_hook(show)
                    showing.callback(handle.remove)
            return super().forward(*args, **kwargs)

    def _show(self, point: nn.Module, module: nn.Module, args: Any, output: Any) -> Any:
        """Hand the output of attention or MLP, scaled, to what is in a hook point's place."""
        scale = self.residual_contribution_scale
        if isinstance(output, tuple):
            return (_shown_scaled(output[0], point, scale), *output[1:])
        return _shown_scaled(output, point, scale)


def _shown_scaled(output: torch.Tensor, point: nn.Module, scale: float) -> torch.Tensor:
    """What a module makes of the scaled output [batch, pos, d_model], not scaled."""
    shown: torch.Tensor = point(output * scale)
    if not shown.requires_grad and torch.equal(shown, output * scale):
        # To scale and to divide again rounds.
        return output
    return shown / scale


class ScaledLogitsAdapter(BaseAdapter):
    """An adapter of models that scale their logits, which processed weights do themselves."""

    # HF config keys that the scale is the product of, each with its power.
    logits_scaled_by: ClassVar[dict[str, float]]

    # Whether the unembedding's weights have the scale of the logits.
    _logit_scale_already_folded = False

    def preprocess_weights(self, state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Let the unembedding itself scale the logits, for all that reads its weights."""
        for name in ("unembed.weight", "unembed.bias"):
            if name in state_dict:
                state_dict[name] = self._scaled(state_dict[name])
        return super().preprocess_weights(state_dict)

    def postprocess_weights(self, bridge: Any) -> None:
        """Take the scale out of HF's model, now that the unembedding has it."""
        self._logit_scale_already_folded = True
        cfg, powers = self.cfg, self.logits_scaled_by
        # What parts are built by stays: another key is set to what leaves no scale.
        sizes = (cfg.d_model, cfg.n_layers, cfg.n_heads, cfg.d_head, cfg.d_mlp, cfg.d_vocab)
        key = min(powers, key=lambda key: getattr(cfg, key) in sizes)
        rest = math.prod(getattr(cfg, other) ** powers[other] for other in powers if other != key)
        value = rest ** (-1 / powers[key])
        whole = isinstance(getattr(cfg, key), int) and value.is_integer()
        _set_for_model(bridge.original_model, key, int(value) if whole else value)

    def apply_output_logits_transform(self, logits: torch.Tensor) -> torch.Tensor:
        """Scale what the unembedding returns as HF's model does, if it does."""
        return super().apply_output_logits_transform(self._scaled(logits))

    def _scaled(self, values: torch.Tensor) -> torch.Tensor:
        """Logits, or weights that make them, with the scale, unless those weights have it."""
        if self._logit_scale_already_folded:
            return values
        for key, power in self.logits_scaled_by.items():
            value = getattr(self.cfg, key)
            # To divide by a number and to multiply by its inverse round differently.
            values = values * value**power if power > 0 else values / value**-power
        return values


def _set_for_model(hf_model: Any, key: str, value: float) -> None:
    """Change a config key for one HF model, in a config of its own: others may share the first."""
    # Some classes keep the value.
    if hasattr(hf_model, key):
        setattr(hf_model, key, value)
    shared = getattr(hf_model, "config", None)
    if shared is None:
        return
    own = copy.copy(shared)
    setattr(own, key, value)
    for module in hf_model.modules():
        if getattr(module, "config", None) is shared:
            module.config = own
