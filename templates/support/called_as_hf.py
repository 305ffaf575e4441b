"""Attention that takes what HF's module takes and returns what that returns, by any names."""

import inspect
from typing import Any

import torch
from torch import nn
from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent
from transformers import Cache

from .hook_aware import hf_module

# What HF's attention returns that keeps its cache as a pair of tensors.
_PAIR = "keys_and_values"
# Dimensions of TL's keys and values [batch, head, pos, d_head] in the order of such a pair's.
_ORDERS = {
    "batch_head_pos": (0, 1, 2, 3),
    "batch_pos_head": (0, 2, 1, 3),
    "pos_batch_head": (2, 0, 1, 3),
}


class CalledAsHF(GeneralizedComponent):
    """Attention that TL computes, from arguments that are named as in the installed HF class."""

    # What HF's module returns, place by place; a word alone where it returns no tuple.
    returns: str | tuple[str, ...] = ("output", "pattern")

    # The argument by which the model hands down cosines and sines; empty where it is TL's.
    rotary_argument = ""

    # How a pair of keys and values is laid out.
    cached = "batch_head_pos"

    # What HF's module calls its mask, and its tokens' positions.
    mask_argument = "attention_mask"
    positions_argument = "position_ids"

    # Whether a mask of booleans is true of what a token does not see.
    mask_hides = False

    _layer_idx: int | None = None

    def set_original_component(self, original_component: nn.Module) -> None:
        """Set the module that the bridge wraps, and learn what it calls its arguments.

        That is HF's own where it is wrapped already: TL reads its config.
        """
        original_component = hf_module(original_component)
        super().set_original_component(original_component)
        parameters = inspect.signature(type(original_component).forward).parameters
        self._positional = list(parameters)[1:]
        self._tl_names = {
            self._positional[0]: "hidden_states",
            self.mask_argument: "attention_mask",
            self.positions_argument: "position_ids",
        }

    def set_layer(self, number: int) -> None:
        """Learn which layer this is, where HF's module does not say so by TL's name for it."""
        if self._layer_idx is None:
            self._layer_idx = number

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run attention step by step; called as HF's module is, and returns what it does."""
        given = self._as_tl_names(args, kwargs)
        return self._as_returned(super().forward(**self._completed(given)), given)

    def _completed(self, given: dict[str, Any]) -> dict[str, Any]:
        """Arguments by TL's names, with a mask and a cache by which TL computes what HF does."""
        cache = _Rounding(given.get("past_key_values"))
        return {**given, "attention_mask": self._mask(given), "past_key_values": cache}

    def _mask(self, given: dict[str, Any]) -> torch.Tensor | None:
        """Which keys each query sees [batch, 1, query, key], or the mask that HF adds to scores.

        HF leaves masks out that torch's SDPA has by itself. Attention that makes its own is handed
        1 for each real token [batch, key], or nothing where all are real.
        """
        mask: torch.Tensor | None = given.get("attention_mask")
        window, hidden = self._window(), given["hidden_states"]
        cache, queries = given.get("past_key_values"), hidden.shape[1]
        if mask is not None and mask.dtype is torch.bool and self.mask_hides:
            mask = ~mask
        # A mask with one row says which tokens are real.
        if mask is not None and mask.ndim == 4 and mask.shape[-2] == queries and window is None:
            return mask
        # The cache says how many keys there will be, and which token the first of them is of.
        sizes = (
            cache.get_mask_sizes(queries, self._layer_idx) if cache is not None else (queries, 0)
        )
        before = self._tokens_before(cache) - sizes[1]
        seen = torch.ones(queries, sizes[0], dtype=torch.bool, device=hidden.device).tril(before)
        if window is not None:
            seen = seen.triu(before - window + 1)
        if mask is None:
            return seen[None, None]
        if mask.ndim == 2:
            return seen & mask[:, None, None, -sizes[0] :].bool()
        if mask.dtype is torch.bool:
            return seen & mask
        return torch.where(seen, mask, torch.finfo(mask.dtype).min)

    def _window(self) -> int | None:
        """How many tokens a token of this layer sees, where HF's attention makes its own mask."""
        return None

    def _tokens_before(self, cache: Any) -> int:
        """How many tokens of this layer are in a cache, if there is one."""
        return 0 if cache is None else int(cache.get_seq_length(self._layer_idx))

    def _as_returned(self, computed: Any, given: dict[str, Any]) -> Any:
        """Output and pattern of TL, with what else HF's module returns of what it was given."""
        if self.returns == CalledAsHF.returns:
            return computed
        cache = given.get("past_key_values")
        found = dict(zip(("output", "pattern"), computed, strict=True), cache=cache, nothing=None)
        found[_PAIR] = getattr(cache, "pair", None)
        if isinstance(self.returns, str):
            return found[self.returns]
        return tuple(found[name] for name in self.returns)

    def _as_tl_names(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call, each under the name that TL has for it."""
        given = {**dict(zip(self._positional, args, strict=False)), **kwargs}
        named = {self._tl_name(name, value): value for name, value in given.items()}
        if _PAIR in self.returns:
            pair = named.get("past_key_values")
            if pair is not None or named.get("use_cache"):
                named["past_key_values"] = _KeysAndValues(pair, _ORDERS[self.cached])
        return named

    def _tl_name(self, name: str, value: Any) -> str:
        """What TL calls an argument. The cache has another name in almost every class."""
        turning = name in ("position_embeddings", self.rotary_argument)
        pair = _PAIR in self.returns and isinstance(value, tuple | list) and not turning
        if isinstance(value, Cache) or pair:
            return "past_key_values"
        return self._tl_names.get(name, name)


class _KeysAndValues:
    """The cache of one layer as a pair of keys and values, in the order of HF's dimensions."""

    def __init__(self, pair: Any, order: tuple[int, ...]) -> None:
        self._order = order
        back = [order.index(dimension) for dimension in range(len(order))]
        self._kept = None if pair is None else tuple(part.permute(*back) for part in pair)

    @property
    def pair(self) -> Any:
        """Keys and values as HF keeps them."""
        kept = self._kept
        return None if kept is None else tuple(part.permute(*self._order) for part in kept)

    def get_seq_length(self, layer: int | None = None) -> int:
        """How many tokens there are."""
        return 0 if self._kept is None else int(self._kept[0].shape[2])

    def get_mask_sizes(self, queries: int, layer: int | None = None) -> tuple[int, int]:
        """How many keys there will be, and of which token the first one is."""
        return self.get_seq_length() + queries, 0

    def update(self, keys: torch.Tensor, values: torch.Tensor, *_: Any) -> Any:
        """Keys and values [batch, head, pos, d_head] of all tokens so far, which it then holds."""
        if self._kept is not None:
            pairs = zip(self._kept, (keys, values), strict=True)
            keys, values = (torch.cat(both, dim=2) for both in pairs)
        self._kept = (keys, values)
        return self._kept


class _Rounding:
    """A cache that is handed keys as HF's module hands them, or none.

    Some models rotate by cosines in float32, whatever the weights are. HF rounds keys to the type
    of values before it keeps them; TL computes on in the type that rotation left.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def update(self, keys: torch.Tensor, values: torch.Tensor, *args: Any) -> tuple[Any, Any]:
        """Keys and values [batch, head, pos, d_head], behind those that the cache holds."""
        kept = keys.to(values.dtype), values
        if self._cache is not None:
            kept = self._cache.update(*kept, *args)
        return kept[0].to(keys.dtype), kept[1].to(keys.dtype)
