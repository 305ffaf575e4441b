"""Cosines and sines by which HF's attention turns queries and keys, and whether it does."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adaptergen.verify.call import Call
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import once
from adaptergen.verify.probe import changed, editing, unmasked

# The argument of a layer and of its attention that holds cosines and sines in HF's own models.
USUAL = "position_embeddings"


@dataclass(frozen=True)
class Positions:
    """Cosines and sines, each [batch, pos, d_rotary], or [1, pos, d_rotary] for all rows at once.

    `source` is the module inside of attention that computes them, and `length` its argument that
    says for how many positions, empty where it is told positions. Where the model computes them,
    both are empty, and `argument` is what it hands them down as.
    """

    cos: Tensor
    sin: Tensor
    source: str = ""
    length: str = ""
    argument: str = ""


@once("the positions of HF's {path}")
def positions_of(hf: HfModel, path: str) -> Positions | None:
    """The positions that a layer or its attention is handed, or that a module inside computes."""
    given = hf.call(path).kwargs
    handed = given.get(USUAL)
    if isinstance(handed, tuple) and len(handed) == 2:
        return Positions(handed[0], handed[1], argument=USUAL)
    for name, value in given.items():
        found = _by_token(hf, value)
        if found is not None:
            return Positions(*found, argument=name)
    for inside, call in hf.seen.calls.items():
        found = _by_token(hf, call.output) if inside.startswith(f"{path}.") else None
        if found is not None:
            return Positions(*found, source=inside, length=_length(call))
    return None


def _by_token(hf: HfModel, given: Any) -> tuple[Tensor, Tensor] | None:
    """Cosines and sines of the main pass, whose tokens are at the first positions."""
    parts = on_circles(given)
    if parts is None:
        return None
    batch, length = hf.batch(hf.length).ids.shape
    cos, sin = (part.reshape(-1, part.shape[-1]) for part in parts)
    if len(cos) == batch * length:
        return cos.view(batch, length, -1), sin.view(batch, length, -1)
    return cos[:length].unsqueeze(0), sin[:length].unsqueeze(0)


def _length(call: Call) -> str:
    """The one whole number among a call's arguments, by name."""
    numbers = [name for name, value in call.kwargs.items() if type(value) is int]
    return numbers[0] if len(numbers) == 1 else ""


def cosines_of(positions: Any) -> Tensor | None:
    """Cosines [batch, pos, d_rotary], where they come before sines, or complex numbers.

    At position 0 nothing is turned: cosines are not 0 there, as sines are.
    """
    if isinstance(positions, Tensor) and positions.is_complex():
        return positions
    is_pair = isinstance(positions, tuple) and len(positions) == 2
    first = positions[0] if is_pair else None
    return first if isinstance(first, Tensor) and first[..., 0, :].all() else None


def on_circles(given: Any) -> tuple[Tensor, Tensor] | None:
    """Cosines and sines of the same angles, perhaps scaled; None if it is something else.

    They are a pair, the parts of complex numbers, or both in the last dimension of one tensor.
    """
    parts = _parts(given)
    if parts is None:
        return None
    cos, sin = (part.reshape(-1, part.shape[-1]) for part in parts)
    # At position 0 nothing is turned.
    if not (len(cos) and cos[0].all()) or sin[0].any():
        return None
    squares = cos.square() + sin.square()
    return None if changed(squares, squares[:1].expand_as(squares)) else parts


def alone(given: Any) -> Any:
    """What is in lists or tuples of nothing else, which models hand down for one base of angles."""
    while isinstance(given, tuple | list) and len(given) == 1:
        given = given[0]
    return given


def _parts(given: Any) -> tuple[Tensor, Tensor] | None:
    given = alone(given)
    if isinstance(given, Tensor):
        if not given.is_complex() and (given.ndim < 3 or given.shape[-1] != 2):
            return None
        whole = torch.view_as_real(given) if given.is_complex() else given
        given = whole.unbind(-1)
    if not isinstance(given, tuple | list) or len(given) != 2:
        return None
    cos, sin = given
    if not isinstance(cos, Tensor) or not isinstance(sin, Tensor):
        return None
    real = cos.is_floating_point() and sin.is_floating_point()
    return (cos, sin) if real and cos.shape == sin.shape and cos.ndim > 1 else None


@once("whether HF's {layer} rotates")
def rotates(hf: HfModel, layer: str) -> bool:
    """Whether a layer's output depends on its cosines and sines."""
    call, positions = unmasked(hf.call(layer)), positions_of(hf, layer)
    if positions is None:
        return False
    with torch.no_grad():
        return changed(
            hf.rerun(layer, call).value, without_turning(hf, layer, call, positions).value
        )


def without_turning(hf: HfModel, path: str, call: Call, positions: Positions) -> Call:
    """A module run again where no position turns anything."""
    if not positions.source:
        handed = call.kwargs[positions.argument]
        return hf.rerun(path, call.with_argument(positions.argument, _still(handed)))
    with editing(hf, {positions.source: _still}):
        return hf.rerun(path, call)


def _still(given: Any) -> Any:
    """Cosines of 1 and sines of 0, in the form of those that were given."""
    if isinstance(given, Tensor) and given.is_complex():
        return torch.ones_like(given)
    if alone(given) is not given:
        return type(given)([_still(given[0])])
    parts = given.unbind(-1) if isinstance(given, Tensor) else given
    still = torch.ones_like(parts[0]), torch.zeros_like(parts[1])
    return torch.stack(still, dim=-1) if isinstance(given, Tensor) else type(given)(still)
