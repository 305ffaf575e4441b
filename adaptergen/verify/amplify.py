"""Random weights under which every part of a model matters.

HF initialises norm weights to 1, biases to 0 and matrices close to 0. A lost bias, a swapped norm
or a layer that rotates where it should not then changes next to nothing.
"""

import torch
from torch import nn

_SEED = 20260701
_SPREAD = 0.3


def amplify(model: nn.Module) -> None:
    """Give every parameter random values, the same ones in every run.

    Vectors (norm weights and biases) spread around the 1 or 0 that they were; matrices keep the
    scale of what passes through them.
    """
    generator = torch.Generator().manual_seed(_SEED)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            if parameter.ndim < 2:
                parameter.copy_(parameter.round() + _SPREAD * noise)
            else:
                parameter.copy_(noise / parameter.shape[-1] ** 0.5)
