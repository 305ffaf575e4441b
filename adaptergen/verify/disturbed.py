"""One token changed in what a projection returns, to see what attention does with it."""

import torch
from torch import Tensor

# The token's position.
DISTURBED = 1


def disturbed(value: Tensor) -> Tensor:
    """Change what a projection [batch, ..., pos, width] returns for one token."""
    result = value.clone()
    result[..., DISTURBED, :] += torch.linspace(-2, 3, value.shape[-1], dtype=value.dtype)
    return result
