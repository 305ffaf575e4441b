"""Attention patterns of the HF model, and what happens around the softmax that makes them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from adaptergen.verify.call import Call, Edit, is_pattern
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import MissingError, once


def _as_it_is(value: Tensor) -> Tensor:
    return value


class AroundSoftmax(TorchFunctionMode):
    """While active, what softmaxes take and return passes through two functions.

    However code spells it: as a function, a method, a module, or inside of torch's SDPA. What code
    takes the sum of exponentials of, for sinks beside a softmax, passes through the first.
    """

    def __init__(self, *, taken: Edit = _as_it_is, returned: Edit = _as_it_is) -> None:
        super().__init__()
        self._taken, self._returned = taken, returned

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch."""
        given = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "scaled_dot_product_attention":
            return self._attention(*args, **given)
        if name not in ("softmax", "logsumexp"):
            return func(*args, **given)
        first, *rest = args or (given.pop("input"),)
        found = func(self._taken(first), *rest, **given)
        return self._returned(found) if name == "softmax" else found

    def _attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """What torch's SDPA returns [batch, head, query, d_head], step by step, nothing dropped."""
        if enable_gqa:
            groups = query.shape[-3] // key.shape[-3]
            key, value = (part.repeat_interleave(groups, dim=-3) for part in (key, value))
        scores = query @ key.transpose(-1, -2) * (scale or query.shape[-1] ** -0.5)
        if is_causal:
            attn_mask = torch.ones_like(scores[..., :1, :, :], dtype=torch.bool).tril()
        if attn_mask is not None and attn_mask.dtype is torch.bool:
            scores = scores.masked_fill(~attn_mask, torch.finfo(scores.dtype).min)
        elif attn_mask is not None:
            scores = scores + attn_mask
        return self._returned(self._taken(scores).softmax(-1)) @ value


def _watched(hf: HfModel, path: str, call: Call) -> tuple[Call, list[Tensor]]:
    """A module's call that runs again, and what softmaxes over keys return meanwhile."""
    patterns: list[Tensor] = []

    def keep(found: Tensor) -> Tensor:
        if is_pattern(found):
            patterns.append(found.to(hf.dtype))
        return found

    with AroundSoftmax(returned=keep):
        return hf.rerun(path, call), patterns


@once("whether one softmax makes the pattern of HF's {path}")
def has_one_softmax(hf: HfModel, path: str) -> bool:
    """Whether the pattern of an attention module is what one softmax in it returns."""
    with torch.no_grad():
        again, patterns = _watched(hf, path, hf.call(path))
    returned = again.pattern
    return len(patterns) == 1 and (returned is None or returned.shape == patterns[0].shape)


def attended(hf: HfModel, path: str, call: Call) -> tuple[Tensor, Tensor]:
    """Output and pattern [batch, head, query, key] of an attention module that runs again.

    Where the module does not return its pattern, it is what a softmax in it returns.

    Raises:
        MissingError: if there is none.
    """
    again, patterns = _watched(hf, path, call)
    pattern = again.pattern if again.pattern is not None else next(reversed(patterns), None)
    if pattern is None:
        raise MissingError(f"HF's {path} returns no pattern, and no softmax in it makes one")
    # Behind the keys, a softmax may have a sink.
    return again.value, pattern[..., : call.input.shape[1]]


@once("the pattern of HF's {path}")
def pattern(hf: HfModel, path: str) -> Tensor:
    """The pattern [batch, head, query, key] of an attention module in the main pass.

    Raises:
        UnavailableError: if there is none.
    """
    call = hf.call(path)
    with torch.no_grad():
        return attended(hf, path, call)[1] if call.pattern is None else call.pattern


def shares(hf: HfModel, path: str, sinks: str | None) -> Tensor:
    """The pattern [batch, head, query, key], of whose rows sinks take their share.

    HF may have them in the softmax, as a key more, or scale what the heads return afterwards by
    what the softmax would leave to keys, which its pattern then does not show.

    Raises:
        UnavailableError: if there is none.
    """
    alone = pattern(hf, path)
    left = left_by_sinks(hf.module(path), sinks, _scores(hf, path)) if sinks else None
    return alone if left is None else alone * left


def left_by_sinks(attention: nn.Module, sinks: str, scores: Tensor) -> Tensor | None:
    """The share that sinks beside a softmax of scores leave to keys [batch, head, query, 1].

    Each sink is a score more, of a key without a value. None where it is among the scores.
    """
    numbers = getattr(attention, sinks, None)
    if numbers is None or scores.shape[-1] != scores.shape[-2]:
        return None
    total = scores.logsumexp(-1, keepdim=True)
    left: Tensor = (total - numbers.detach().view(1, -1, 1, 1)).sigmoid()
    return left


def softmax_of_keys(hf: HfModel, path: str) -> Tensor:
    """The softmax [batch, head, query, key] of an attention module's scores, without sinks.

    Raises:
        UnavailableError: if no softmax makes its pattern.
    """
    scores = _scores(hf, path)
    return scores[..., : scores.shape[-2]].softmax(-1)


@once("what the softmax of HF's {path} takes")
def _scores(hf: HfModel, path: str) -> Tensor:
    """The scores that the main pass gives the last softmax [batch, head, query, key]."""
    taken: list[Tensor] = []

    def keep(value: Tensor) -> Tensor:
        if value.ndim == 4:
            taken.append(value.detach().to(hf.dtype))
        return value

    with torch.no_grad(), AroundSoftmax(taken=keep):
        hf.rerun(path, hf.call(path))
    if not taken:
        raise MissingError(f"no softmax in HF's {path} makes a pattern")
    return taken[-1]
