"""The number that one tensor is of another."""

import torch
from torch import Tensor

# Relative to the largest value: float64's rounding, summed.
CLOSE = 1e-9


def factor(total: Tensor, part: Tensor, close: float = CLOSE) -> float | None:
    """The number that one tensor is of another, if it is the same everywhere."""
    if total.shape != part.shape:
        return None
    with torch.no_grad():
        found = float((total * part).sum() / (part * part).sum())
        found = 1.0 if abs(found - 1.0) < close else found
        rest = float((total - found * part).abs().max())
    return found if rest <= close * max(1.0, float(total.abs().max())) else None
