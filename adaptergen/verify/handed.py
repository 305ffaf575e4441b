"""Arguments of HF's attention beside the residual: a mask and positions, by any names."""

import torch
from torch import Tensor

from adaptergen.verify.call import Call
from adaptergen.verify.hf import Batch, HfModel, Observation
from adaptergen.verify.once import once

# What HF's own classes call them.
MASK, POSITIONS = "attention_mask", "position_ids"


@once("the mask that HF's {path} is handed")
def handed_mask(hf: HfModel, path: str) -> Tensor | None:
    """The mask [batch, head, query, key] that an attention module is handed.

    Where it is handed none of tokens that are all real, it is one of a padded batch.
    """
    found = _mask_of(hf.call(path))
    return _mask_of(_padded(hf, path)) if found is None else found


def _mask_of(call: Call) -> Tensor | None:
    masks = (given for given in (*call.args, *call.kwargs.values()) if _is_square(given, call))
    return next(masks, None)


def _is_square(given: object, call: Call) -> bool:
    shape = given.shape if isinstance(given, Tensor) else ()
    return len(shape) == 4 and shape[-2:] == 2 * (call.input.shape[1],)


def hides(mask: Tensor) -> bool:
    """Whether a mask [batch, head, query, key] of booleans is true of what is not seen.

    A token, the last one for sure, sees itself.
    """
    return mask.dtype == torch.bool and mask.ndim == 4 and not mask[..., -1, -1].any()


def argument_of_mask(hf: HfModel, path: str) -> str | None:
    """The argument of an attention module that says what is seen; None if there is none.

    It is a mask of queries and keys, or says of a padded batch which tokens are real.
    """
    call, real = _padded(hf, path), _padding(hf).real
    square = (name for name, given in call.kwargs.items() if _is_square(given, call))
    tokens = (name for name, given in call.kwargs.items() if _says(given, real))
    return next(square, next(tokens, None))


def argument_of_positions(hf: HfModel, path: str) -> str | None:
    """The argument of an attention module that is the tokens' positions; None if there is none."""
    places = _padding(hf).arguments[POSITIONS]
    given = _padded(hf, path).kwargs.items()
    return next((name for name, value in given if _says(value, places)), None)


def _says(given: object, expected: Tensor) -> bool:
    """Whether an argument has these numbers [batch, pos], however many dimensions it has."""
    if not isinstance(given, Tensor) or given.numel() != expected.numel():
        return False
    # What is added to scores is 0 where a token is real.
    said = given == 0 if given.is_floating_point() and given.min() < 0 else given
    return torch.equal(said.reshape(expected.shape).to(expected.dtype), expected)


def _padding(hf: HfModel) -> Batch:
    return hf.padded("left")


def _padded(hf: HfModel, path: str) -> Call:
    """The call of a module in a padded batch."""
    return _padded_pass(hf).calls[path]


@once("HF's padded pass")
def _padded_pass(hf: HfModel) -> Observation:
    return hf.observe(_padding(hf))
