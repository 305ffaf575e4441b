"""Random weights under which every part of a model matters.

HF initialises norm weights to 1, biases to 0 and matrices close to 0. A lost bias, a swapped norm
or a layer that rotates where it should not then changes next to nothing.
"""

import torch
from torch import Tensor, nn

_SEED = 20260701
_SPREAD = 0.3


def amplify(model: nn.Module) -> None:
    """Give everything learned random values, the same ones in every run.

    Vectors (norm weights and biases) spread around the 1 or 0 that they were; matrices keep the
    scale of what passes through them.
    """
    generator = torch.Generator().manual_seed(_SEED)
    with torch.no_grad():
        for weight in dict.fromkeys(learned(model).values()):
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            if weight.ndim < 2:
                weight.copy_(weight.round() + _SPREAD * noise)
            else:
                weight.copy_(noise / weight.shape[-1] ** 0.5)


def learned(model: nn.Module) -> dict[str, Tensor]:
    """All that training changes, by name: parameters, and vectors that are saved as buffers.

    Routers keep the correction of each expert's score so. Numbers saved as buffers are constants.
    """
    found: dict[str, Tensor] = dict(model.named_parameters(remove_duplicate=False))
    saved = model.state_dict().keys()
    for name, buffer in model.named_buffers():
        if name in saved and buffer.ndim == 1 and buffer.is_floating_point():
            found[name] = buffer
    return found
