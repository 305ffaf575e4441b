"""What parts of the HF model do, found out by running them: no names, no config keys."""

import copy
import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from adaptergen.verify.hf import Call, HfModel, edited

# HF computes norms and rotary tables in float32. What changes at all changes by far more.
NOISE = 1e-5

Edit = Callable[[Tensor], Tensor]


def positions_of(call: Call) -> tuple[Tensor, Tensor] | None:
    """Cosines and sines that a layer was handed, each [batch, pos, d_rotary]."""
    found = call.kwargs.get("position_embeddings")
    is_pair = isinstance(found, tuple) and len(found) == 2
    return found if is_pair else None


def rotates(hf: HfModel, layer: str) -> bool:
    """Whether a layer's output depends on the cosines and sines that it is handed."""
    call = hf.call(layer)
    handed = positions_of(call)
    if handed is None:
        return False
    still = (torch.ones_like(handed[0]), torch.zeros_like(handed[1]))
    with torch.no_grad():
        unrotated = hf.rerun(layer, call.with_argument("position_embeddings", still))
    return changed(unrotated.value, call.value)


def reach(hf: HfModel, layer: str, call: Call) -> int:
    """How many tokens the last position of a layer sees, itself included."""
    source = call.input.detach().clone().requires_grad_()
    output = hf.rerun(layer, call.with_input(source)).value
    (gradient,) = torch.autograd.grad(output[:, -1].sum(), source)
    seen = gradient.abs().amax(dim=(0, 2)).nonzero()
    return int(source.shape[1] - seen.min())


def attend(hf: HfModel, attention: str, edits: Mapping[str, Edit]) -> tuple[Tensor, Tensor]:
    """Output [batch, pos, d_model] and pattern [batch, head, query, key] of an attention module.

    The outputs of the modules named by `edits` pass through them on the way.
    """
    output, pattern, *_ = _rerun_edited(hf, attention, edits).output
    return output, pattern


def run_edited(hf: HfModel, path: str, edits: Mapping[str, Edit]) -> Tensor:
    """What a module returns in the main pass while the modules inside it are edited."""
    return _rerun_edited(hf, path, edits).value


def _rerun_edited(hf: HfModel, path: str, edits: Mapping[str, Edit]) -> Call:
    # Asked for first: the main pass, if it has not run yet, must not run edited.
    call = hf.call(path)
    with torch.no_grad(), ExitStack() as stack:
        for inner, edit in edits.items():
            stack.enter_context(edited(hf.module(inner), edit))
        return hf.rerun(path, call)


def times(factor: float) -> Edit:
    """An edit that multiplies."""
    return lambda value: factor * value


def changed(one: Tensor, other: Tensor) -> bool:
    """Whether two values differ by more than float32 noise."""
    return bool((one - other).abs().max() > NOISE)


def norm_kind(norm: nn.Module, width: int) -> str:
    """`RMS`, `LN`, or `none` for a module that does not normalise."""
    generator = torch.Generator().manual_seed(0)
    x = 50 * torch.randn(7, width, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        plain, scaled, shifted = norm(x), norm(2 * x), norm(x + 31.0)
    scale = plain.abs().max()
    if (scaled - plain).abs().max() > 1e-3 * scale:
        return "none"
    return "RMS" if (shifted - plain).abs().max() > 1e-3 * scale else "LN"


def norm_without_weight(norm: nn.Module, width: int) -> Tensor:
    """What a norm returns once its weight is zero: nothing, unless it adds an offset or a bias."""
    bare: Any = copy.deepcopy(norm)
    x = torch.arange(1.0, width + 1, dtype=torch.float64)
    with torch.no_grad():
        if getattr(bare, "weight", None) is not None:
            bare.weight.zero_()
        result: Tensor = bare(x)
    return result


def gated_by(hf: HfModel, mlp: str, gate: str, up: str) -> bool:
    """Whether an MLP's output is linear in what `up` returns and not in what `gate` returns."""

    def error_of_linearity(path: str) -> float:
        # These factors tell linear from odd functions (tanh) and from positive parts (relu) too.
        none, once, back = (run_edited(hf, mlp, {path: times(by)}) for by in (0.0, 1.0, -2.0))
        return float((back + 2 * once - 3 * none).abs().max())

    return error_of_linearity(up) < NOISE < error_of_linearity(gate)


def commutes_with_rotation(
    hf: HfModel, attention: str, readers: Mapping[str, int], pairs: Tensor
) -> bool:
    """Whether turning queries and keys alike in the planes `pairs` leaves the pattern as it was.

    It does exactly if rotary positions turn in the same planes. `readers` are the modules that
    return queries and keys, with the head size; `pairs` is [plane, 2], elements of a head.
    """
    angles = torch.linspace(0.3, 1.2, len(pairs), dtype=torch.float64)
    cos, sin = angles.cos(), angles.sin()

    def turn(size: int, value: Tensor) -> Tensor:
        heads = value.reshape(*value.shape[:-1], value.shape[-1] // size, size).clone()
        a, b = heads[..., pairs[:, 0]], heads[..., pairs[:, 1]]
        heads[..., pairs[:, 0]] = a * cos - b * sin
        heads[..., pairs[:, 1]] = a * sin + b * cos
        return heads.reshape(value.shape)

    edits = {path: partial(turn, size) for path, size in readers.items()}
    _, pattern = attend(hf, attention, edits)
    _, before = attend(hf, attention, {})
    return bool((pattern - before).abs().max() < math.sqrt(NOISE))
