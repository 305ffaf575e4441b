"""Functions of parts of the HF model, found by running them: no names, no config keys."""

import copy
import inspect
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from adaptergen.verify.call import Call, Edit
from adaptergen.verify.handed import hides
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import once
from adaptergen.verify.pattern import attended

# HF computes norms and rotary tables in float32. What changes at all changes by far more.
NOISE = 1e-5

# What a module returns, or some elements [n] of the last dimension of it.
Output = tuple[str, Tensor | None]


@once("whether HF's positions turn")
def turns(hf: HfModel) -> bool:
    """Whether the model's output depends on positions, though not on where they start.

    So it is with rotary positions, wherever they turn queries and keys. A model that takes no
    positions does not tell.
    """
    if "position_ids" not in inspect.signature(hf.model.forward).parameters:
        return False
    batch = hf.batch(hf.length)
    last = batch.ids.shape[1] - 1
    positions = torch.arange(last + 1).expand_as(batch.ids)
    # Some models have angles for no more positions than there are tokens.
    early = positions.clamp(max=last - 3)
    with torch.no_grad():
        usual, shifted, spread = (
            hf.model(batch.ids, position_ids=at, use_cache=False).logits
            for at in (early, early + 3, positions // 2)
        )
    return bool((usual - shifted).abs().max() < 1e-3 < (usual - spread).abs().max())


def unmasked(call: Call) -> Call:
    """The call with every token in sight: one that sees only itself attends to it in any case."""
    mask = call.kwargs.get("attention_mask")
    if not isinstance(mask, Tensor):
        return call
    # A mask of tokens has 1 for what is seen, one of scores is added to them.
    whole = mask.dtype == torch.bool or mask.ndim == 2
    seen = torch.ones_like(mask) if whole and not hides(mask) else torch.zeros_like(mask)
    return call.with_argument("attention_mask", seen)


@once("how far HF's {layer} sees")
def reach(hf: HfModel, layer: str) -> int:
    """How many tokens the last position of a layer sees in the main pass, itself included.

    So too for a part of a layer.
    """
    call = hf.call(layer)
    source = call.input.detach().clone().requires_grad_()
    output = hf.rerun(layer, call.with_input(source)).value
    (gradient,) = torch.autograd.grad(output[:, -1].sum(), source)
    seen = gradient.abs().amax(dim=(0, 2)).nonzero()
    return int(source.shape[1] - seen.min())


def attend(hf: HfModel, attention: str, edits: Mapping[str, Edit]) -> tuple[Tensor, Tensor]:
    """Output [batch, pos, d_model] and pattern [batch, head, query, key] of an attention module.

    The outputs of the modules named by `edits` pass through them on the way. Nothing is masked.
    """
    # Asked for first: the main pass, if it has not run yet, must not run edited.
    call = unmasked(hf.call(attention))
    with torch.no_grad(), editing(hf, edits):
        return attended(hf, attention, call)


def part_played(hf: HfModel, attention: str, path: str, edit: Edit, position: int) -> str:
    """The role, q, k, v or o, that a module returns, or none; `edit` changes one position of it.

    A query changes its own row of the pattern, a key every row, a value no row, and what happens to
    the output shows where it was changed.
    """
    output, pattern = attend(hf, attention, {})
    edited, new_pattern = attend(hf, attention, {path: edit})
    changed_rows = (new_pattern - pattern).abs().amax(dim=(0, 1, 3)) > 0
    moved = (edited - output).abs().amax(dim=(0, 2)) > 0
    if changed_rows.any():
        return "q" if changed_rows.nonzero().flatten().tolist() == [position] else "k"
    if moved.nonzero().flatten().tolist() == [position]:
        return "o"
    return "v" if moved.any() else ""


def run_edited(hf: HfModel, path: str, edits: Mapping[str, Edit]) -> Tensor:
    """The output of a module in the main pass while the modules inside it are edited."""
    # Asked for first: the main pass, if it has not run yet, must not run edited.
    call = unmasked(hf.call(path))
    with torch.no_grad(), editing(hf, edits):
        return hf.rerun(path, call).value


@contextmanager
def editing(hf: HfModel, edits: Mapping[str, Edit]) -> Iterator[None]:
    """While active, what modules return passes through their edits."""

    def hook(edit: Edit) -> Any:
        return lambda module, args, output: edit(output)

    with ExitStack() as stack:
        for path, edit in edits.items():
            handle = hf.module(path).register_forward_hook(hook(edit))
            stack.callback(handle.remove)
        yield


def times(factor: float) -> Edit:
    """An edit that multiplies."""
    return lambda value: factor * value


def at(elements: Tensor | None, edit: Edit) -> Edit:
    """An edit of some elements [n] of the last dimension; of all where none are named."""
    return edit if elements is None else partial(_edited_there, elements, edit)


def _edited_there(elements: Tensor, edit: Edit, value: Tensor) -> Tensor:
    result = value.clone()
    result[..., elements] = edit(value[..., elements])
    return result


def changed(one: Tensor, other: Tensor) -> bool:
    """Whether two values differ by more than float32 noise."""
    return bool((one - other).abs().max() > NOISE)


def is_linear(hf: HfModel, path: str) -> bool:
    """Whether a module returns what its weight makes of its input, whatever its class."""
    module = hf.module(path)
    if isinstance(module, nn.Linear):
        return True
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if not isinstance(weight, nn.Parameter) or weight.ndim != 2:
        return False
    if bias is not None and bias.shape != weight.shape[:1]:
        # Norms with weights of their own for each head have as many biases.
        return False
    call = hf.call(path)
    if not call.has_input:
        return False
    if not call.input.is_floating_point() or call.input.shape[-1] != weight.shape[-1]:
        return False
    said = nn.functional.linear(call.input, weight, bias)
    return said.shape == call.value.shape and not changed(said, call.value)


def norm_kind(norm: nn.Module, given: Tensor) -> str:
    """`RMS`, `LN`, or `none` for a module that does not normalise what it was given."""
    # Large and uneven, so that neither the module's epsilon nor its bias matters.
    x = 50 * given / given.std()
    with torch.no_grad():
        plain, scaled, shifted = norm(x), norm(2 * x), norm(x + 31.0)
    scale = plain.abs().max()
    if (scaled - plain).abs().max() > 1e-3 * scale:
        return "none"
    return "RMS" if (shifted - plain).abs().max() > 1e-3 * scale else "LN"


def norm_parameters(norm: nn.Module, given: Tensor) -> tuple[str, bool]:
    """The use of a norm's weight (`scale`, `offset`, `none`), and whether it adds a bias."""
    bare: Any = copy.deepcopy(norm)
    named = dict(bare.named_parameters())
    weight, bias = named.get("weight"), named.get("bias")
    with torch.no_grad():
        if weight is None:
            return "none", bias is not None
        weight.zero_()
        rest = bare(given)
        if bias is not None:
            rest = rest - bias
        return "scale" if rest.abs().max() == 0.0 else "offset", bias is not None


def gated_by(hf: HfModel, mlp: str, gate: Output, up: Output, reader: str) -> bool:
    """Whether what `reader` takes is a multiple of what `up` returns, and not of `gate`'s output.

    What is added to it, whether or not `up` has a part in it, makes it none.
    """
    rest = _taken(hf, mlp, reader, {up[0]: at(up[1], times(0.0))})
    multiple = linear_in(hf, mlp, up, reader) and not changed(rest, 0 * rest)
    return multiple and not linear_in(hf, mlp, gate, reader)


def linear_in(hf: HfModel, mlp: str, output: Output, reader: str) -> bool:
    """Whether what `reader` takes is linear in what a module returns."""
    path, elements = output
    # These factors tell linear from odd functions (tanh) and from positive parts (relu) too.
    edits = (at(elements, times(factor)) for factor in (0.0, 1.0, -2.0))
    none, once, back = (_taken(hf, mlp, reader, {path: edit}) for edit in edits)
    return not changed(back + 2 * once, 3 * none)


def hidden_by_element(hf: HfModel, mlp: str, into: str, reader: str) -> bool:
    """Whether each element that `reader` takes follows from that of `into` at its place."""
    if hf.call(reader).input.shape[-1] != hf.call(into).value.shape[-1]:
        return False
    shifted = at(torch.tensor([1]), lambda value: value + 3.0)
    moved = _taken(hf, mlp, reader, {into: shifted}) - _taken(hf, mlp, reader, {})
    return moved.abs().amax(dim=tuple(range(moved.ndim - 1))).nonzero().flatten().tolist() == [1]


def depends(hf: HfModel, mlp: str, into: str, reader: str) -> bool:
    """Whether what `reader` takes changes with what `into` returns."""
    without = _taken(hf, mlp, reader, {into: torch.zeros_like})
    return changed(without, _taken(hf, mlp, reader, {}))


def _taken(hf: HfModel, mlp: str, reader: str, edits: Mapping[str, Edit]) -> Tensor:
    """The input of a module inside an MLP while others are edited."""
    taken: list[Tensor] = []
    # Asked for first, so that the main pass leaves nothing in `taken`.
    hf.call(mlp)
    handle = hf.module(reader).register_forward_pre_hook(lambda _, args: taken.append(args[0]))
    try:
        run_edited(hf, mlp, edits)
    finally:
        handle.remove()
    return taken.pop()


def keeps_pattern(
    hf: HfModel,
    attention: str,
    readers: Mapping[str, Tensor | None],
    size: int,
    edit: Edit,
    noise: float = math.sqrt(NOISE),
) -> bool:
    """Whether the pattern stays as it was while heads of queries and keys are edited alike.

    `readers` are the modules that return queries and keys, and which elements of what they return;
    the edit is of heads [..., `size`].
    """

    def by_head(value: Tensor) -> Tensor:
        heads = value.reshape(*value.shape[:-1], value.shape[-1] // size, size)
        return edit(heads).reshape(value.shape)

    edits = {path: at(elements, by_head) for path, elements in readers.items()}
    _, pattern = attend(hf, attention, edits)
    _, before = attend(hf, attention, {})
    return bool((pattern - before).abs().max() < noise)


def turned_in(pairs: Tensor) -> Edit:
    """An edit that turns heads in planes [plane, 2] of elements.

    It keeps the pattern exactly if rotary positions turn in the same planes.
    """
    angles = torch.linspace(0.3, 1.2, len(pairs), dtype=torch.float64)
    cos, sin = angles.cos(), angles.sin()

    def turn(heads: Tensor) -> Tensor:
        result = heads.clone()
        a, b = heads[..., pairs[:, 0]], heads[..., pairs[:, 1]]
        result[..., pairs[:, 0]] = a * cos - b * sin
        result[..., pairs[:, 1]] = a * sin + b * cos
        return result

    return turn


def mirrored(elements: Iterable[int]) -> Edit:
    """An edit that negates elements of each head, no two of which rotate together.

    It keeps the pattern, to the last bit, exactly if rotary positions turn none of them.
    """
    return at(torch.tensor(list(elements)), times(-1.0))


@contextmanager
def unweighted(modules: Iterable[nn.Module]) -> Iterator[None]:
    """While active, these norms only normalise: the function of each is the same in every plane."""
    kept = [(p, p.detach().clone()) for module in modules for p in module.parameters()]
    with torch.no_grad():
        for parameter, _ in kept:
            parameter.fill_(1.0)
        try:
            yield
        finally:
            for parameter, value in kept:
                parameter.copy_(value)
