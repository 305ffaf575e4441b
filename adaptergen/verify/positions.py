"""Cosines and sines by which HF's attention turns queries and keys, and whether it does."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adaptergen.verify.call import Call
from adaptergen.verify.hf import HfModel
from adaptergen.verify.probe import changed, editing, unmasked


@dataclass(frozen=True)
class Positions:
    """Cosines and sines, each [batch, pos, d_rotary].

    `source` is the module inside of attention that computes them, empty where the model does and
    hands them down.
    """

    cos: Tensor
    sin: Tensor
    source: str = ""


def positions_of(hf: HfModel, path: str) -> Positions | None:
    """The positions that a layer or its attention is handed, or that a module inside computes."""
    return hf.once.get(f"the positions of HF's {path}", lambda: _positions_of(hf, path))


def _positions_of(hf: HfModel, path: str) -> Positions | None:
    handed = hf.call(path).kwargs.get("position_embeddings")
    if isinstance(handed, tuple) and len(handed) == 2:
        return Positions(handed[0], handed[1])
    for inside, call in hf.seen.calls.items():
        if inside.startswith(f"{path}.") and on_circles(call.output):
            return Positions(call.output[0], call.output[1], inside)
    return None


def cosines_of(positions: Any) -> Tensor | None:
    """Cosines [batch, pos, d_rotary], where they come before sines, or complex numbers.

    At position 0 nothing is turned: cosines are not 0 there, as sines are.
    """
    if isinstance(positions, Tensor) and positions.is_complex():
        return positions
    is_pair = isinstance(positions, tuple) and len(positions) == 2
    first = positions[0] if is_pair else None
    return first if isinstance(first, Tensor) and first[..., 0, :].all() else None


def on_circles(output: Any) -> bool:
    """Whether what a module returned are cosines and sines of the same angles, perhaps scaled."""
    if not isinstance(output, tuple) or not all(isinstance(part, Tensor) for part in output):
        return False
    cos = cosines_of(output)
    if cos is None or cos.is_complex() or cos.shape != output[1].shape:
        return False
    squares = cos.square() + output[1].square()
    return not changed(squares, squares[..., :1, :].expand_as(squares))


def rotates(hf: HfModel, layer: str) -> bool:
    """Whether a layer's output depends on its cosines and sines."""
    return hf.once.get(f"whether HF's {layer} rotates", lambda: _rotates(hf, layer))


def _rotates(hf: HfModel, layer: str) -> bool:
    call, positions = unmasked(hf.call(layer)), positions_of(hf, layer)
    if positions is None:
        return False
    with torch.no_grad():
        return changed(
            hf.rerun(layer, call).value, without_turning(hf, layer, call, positions).value
        )


def without_turning(hf: HfModel, path: str, call: Call, positions: Positions) -> Call:
    """A module run again where no position turns anything."""
    still = (torch.ones_like(positions.cos), torch.zeros_like(positions.sin))
    if not positions.source:
        return hf.rerun(path, call.with_argument("position_embeddings", still))

    def hold(_: Any) -> Any:
        return still

    with editing(hf, {positions.source: hold}):
        return hf.rerun(path, call)
