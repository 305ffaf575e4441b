"""The bridge of attention that HF's own code computes, with hooks on its scores and its pattern.

TL shows the pattern that HF returns, and for scores that pattern again; an edit of either changes
nothing. Here hooks are on what the softmax takes and returns while HF computes.
"""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from transformer_lens.model_bridge import generalized_components as tl
from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent

from .hook_aware import has_hooks
from .joint import Joining


class DelegatedAttentionBridge(Joining, tl.AttentionBridge):
    """HF's attention, whose pattern is what one softmax of torch's returns."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run HF's module; called as it is, and returns what it does."""
        if not has_hooks(self, but=("hook_in", "hook_out")):
            return GeneralizedComponent.forward(self, *args, **kwargs)
        with _AroundSoftmax(self.hook_attn_scores, self.hook_pattern):
            return GeneralizedComponent.forward(self, *args, **kwargs)


class PatternlessAttentionBridge(Joining, tl.AttentionBridge):
    """HF's attention, whose pattern is not what one softmax returns: TL's bridge, as it is."""


class _AroundSoftmax(TorchFunctionMode):
    """While active, two modules see, and may change, what a softmax over keys takes and returns.

    However HF's code spells it: as a function, as a method, or as a module, or inside of torch's
    SDPA.
    """

    def __init__(self, scores: Any, pattern: Any) -> None:
        super().__init__()
        self.scores, self.pattern = scores, pattern

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch."""
        given = dict(kwargs or {})
        if getattr(func, "__name__", "") == "scaled_dot_product_attention":
            return self._attention(*args, **given)
        if getattr(func, "__name__", "") != "softmax":
            return func(*args, **given)
        taken, *rest = args or (given.pop("input"),)
        if taken.ndim != 4:
            return func(taken, *rest, **given)
        return self.pattern(func(self.scores(taken), *rest, **given))

    def _attention(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> torch.Tensor:
        """What torch's SDPA returns [batch, head, query, d_head], step by step."""
        if enable_gqa:
            groups = query.shape[-3] // key.shape[-3]
            key, value = (part.repeat_interleave(groups, dim=-3) for part in (key, value))
        scores = query @ key.transpose(-1, -2) * (scale or query.shape[-1] ** -0.5)
        if is_causal:
            attn_mask = torch.ones_like(scores, dtype=torch.bool).tril()
        if attn_mask is not None and attn_mask.dtype is torch.bool:
            scores = scores.masked_fill(~attn_mask, torch.finfo(scores.dtype).min)
        elif attn_mask is not None:
            scores = scores + attn_mask
        pattern = self.pattern(self.scores(scores).softmax(-1))
        dropped: torch.Tensor = torch.nn.functional.dropout(pattern, dropout_p)
        return dropped @ value
