"""The conditions under which models are compared: float64 throughout, one thread, no chatter."""

import contextlib
import functools
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from transformers.utils import logging as hf_logging

_finfo = torch.finfo


@dataclass(frozen=True)
class _LimitsOfFloat32:
    """The answer of `torch.finfo` for float64, but for the largest and smallest numbers."""

    min: float = _finfo(torch.float32).min
    max: float = _finfo(torch.float32).max

    def __getattr__(self, name: str) -> Any:
        return getattr(_finfo(torch.float64), name)


_LIMITS = _LimitsOfFloat32()


def _limits(dtype: torch.dtype | None = None) -> Any:
    dtype = dtype or torch.get_default_dtype()
    return _LIMITS if dtype is torch.float64 else _finfo(dtype)


def _in_own_precision(softmax: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A softmax that casts no float64 to another type."""

    @functools.wraps(softmax)
    def whole(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if input.dtype is torch.float64:
            kwargs.pop("dtype", None)
        return softmax(input, *args, **kwargs)

    return whole


@contextlib.contextmanager
def comparable() -> Iterator[None]:
    """Keep float64 in softmax, use one thread, and silence libraries.

    HF and TL cast attention scores to float32 for the softmax, and remote code does so in ways that
    nobody can keep it from. There the lowest float64 overflows: rows that see nothing, as padding
    does, would become NaN. So masks are made of the lowest float32 here.
    """
    threads, verbosity = torch.get_num_threads(), hf_logging.get_verbosity()
    # More threads make models of this size slower, and several runs share the machine.
    torch.set_num_threads(1)
    hf_logging.set_verbosity(logging.ERROR)
    try:
        with (
            patch.object(nn.functional, "softmax", _in_own_precision(nn.functional.softmax)),
            patch.object(torch, "softmax", _in_own_precision(torch.softmax)),
            patch.object(Tensor, "softmax", _in_own_precision(Tensor.softmax)),
            patch.object(torch, "finfo", _limits),
            warnings.catch_warnings(action="ignore"),
        ):
            yield
    finally:
        torch.set_num_threads(threads)
        hf_logging.set_verbosity(verbosity)


@contextlib.contextmanager
def uncast() -> Iterator[None]:
    """While active, nothing in float64 is made float32, and no whole numbers are.

    Positions, for one, are multiplied by frequencies that stay in float64.
    """
    to, cast = Tensor.to, Tensor.float

    def kept(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.dtype is torch.float64:
            args = tuple(a for a in args if a is not torch.float32)
            kwargs = {k: v for k, v in kwargs.items() if v is not torch.float32}
            return to(self, *args, **kwargs) if args or kwargs else self
        if not (self.is_floating_point() or self.is_complex()):
            args = tuple(torch.float64 if a is torch.float32 else a for a in args)
            kwargs = {k: torch.float64 if v is torch.float32 else v for k, v in kwargs.items()}
        return to(self, *args, **kwargs)

    def whole(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.dtype is torch.float64:
            return self
        floats = self.is_floating_point() or self.is_complex()
        return cast(self, *args, **kwargs) if floats else self.double()

    with patch.object(Tensor, "to", kept), patch.object(Tensor, "float", whole):
        yield
