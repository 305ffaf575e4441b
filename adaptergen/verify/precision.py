"""The conditions under which models are compared: float64 throughout, one thread, no chatter."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from transformers.utils import logging as hf_logging

_softmax = nn.functional.softmax


def _softmax_in_own_precision(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if input.dtype is torch.float64:
        kwargs.pop("dtype", None)
    return _softmax(input, *args, **kwargs)


@contextlib.contextmanager
def comparable() -> Iterator[None]:
    """Keep float64 in softmax, use one thread, and silence libraries.

    HF and TL cast attention scores to float32 for the softmax, where the lowest float64 overflows:
    rows that see nothing, as padding does, would become NaN.
    """
    threads, verbosity = torch.get_num_threads(), hf_logging.get_verbosity()
    # More threads make models of this size slower, and several runs share the machine.
    torch.set_num_threads(1)
    hf_logging.set_verbosity(logging.ERROR)
    try:
        with (
            patch.object(nn.functional, "softmax", _softmax_in_own_precision),
            warnings.catch_warnings(action="ignore"),
        ):
            yield
    finally:
        torch.set_num_threads(threads)
        hf_logging.set_verbosity(verbosity)
