"""Attention patterns of the HF model, and what happens around the softmax that makes them."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from adaptergen.verify.call import Call, Edit, is_pattern
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import MissingError


def _as_it_is(value: Tensor) -> Tensor:
    return value


class AroundSoftmax(TorchFunctionMode):
    """While active, what softmaxes take and return passes through two functions.

    However code spells it: as a function, as a method, or as a module.
    """

    def __init__(self, *, taken: Edit = _as_it_is, returned: Edit = _as_it_is) -> None:
        super().__init__()
        self._taken, self._returned = taken, returned

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch."""
        given = kwargs or {}
        if getattr(func, "__name__", "") != "softmax":
            return func(*args, **given)
        first, *rest = args or (given.pop("input"),)
        return self._returned(func(self._taken(first), *rest, **given))


def _watched(hf: HfModel, path: str, call: Call) -> tuple[Call, list[Tensor]]:
    """A module's call that runs again, and what softmaxes over keys return meanwhile."""
    patterns: list[Tensor] = []

    def keep(found: Tensor) -> Tensor:
        if is_pattern(found):
            patterns.append(found.to(hf.dtype))
        return found

    with AroundSoftmax(returned=keep):
        return hf.rerun(path, call), patterns


def has_one_softmax(hf: HfModel, path: str) -> bool:
    """Whether the pattern of an attention module is what one softmax in it returns."""

    def watch() -> bool:
        with torch.no_grad():
            again, patterns = _watched(hf, path, hf.call(path))
        returned = again.pattern
        return len(patterns) == 1 and (returned is None or returned.shape == patterns[0].shape)

    return hf.once.get(f"whether one softmax makes the pattern of HF's {path}", watch)


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


def hands_mask(hf: HfModel, path: str) -> bool:
    """Whether an attention module is handed a mask [batch, head, query, key] in the main pass."""
    call = hf.call(path)
    given = (*call.args, *call.kwargs.values())
    square = 2 * (call.input.shape[1],)
    return any(isinstance(x, Tensor) and x.ndim == 4 and x.shape[-2:] == square for x in given)


def pattern(hf: HfModel, path: str) -> Tensor:
    """The pattern [batch, head, query, key] of an attention module in the main pass.

    Raises:
        UnavailableError: if there is none.
    """

    def find() -> Tensor:
        call = hf.call(path)
        with torch.no_grad():
            return attended(hf, path, call)[1] if call.pattern is None else call.pattern

    return hf.once.get(f"the pattern of HF's {path}", find)
