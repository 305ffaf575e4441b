"""The same edit of an activation on both sides: at TL's hook, and in HF with plain PyTorch.

On HF's side an activation is what a module takes or returns; attention scores and patterns are
what the softmax of eager attention takes and returns.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from unittest.mock import patch

import torch
from torch import Tensor, nn

from adaptergen.spec.model import Spec
from adaptergen.verify.hf import HfModel

Edit = Callable[[Tensor], Tensor]
Place = Literal["input", "output", "scores", "pattern"]


@dataclass(frozen=True)
class Intervention:
    """An edit at a hook below a block, and the module below HF's block where it happens too.

    `edit` gets the activation as TL has it; with `by_head`, HF's is split by head before. An
    empty path is the block itself.
    """

    hook: str
    claim: str
    path: str
    place: Place
    edit: Edit
    by_head: bool = False


def of_stream(spec: Spec, middle_reaches_stream: bool) -> Iterator[Intervention]:
    """A vector added to the residual stream around each part of a block, and behind its norms.

    As a hook of its own, hook_resid_mid would move the stream, and HF's stream moves there with
    what attention returns. As another name of ln2's input it moves only what the MLP reads.
    """
    block, attention = spec.block, spec.attention.path
    middle: tuple[str, Place] = (attention, "output")
    if not middle_reaches_stream:
        middle = (block.ln2, "input")
    yield Intervention("hook_resid_pre", "paths.blocks", "", "input", _shifted)
    yield Intervention("ln1.hook_out", "block.ln1", block.ln1, "output", _shifted)
    yield Intervention("hook_attn_out", "attention.path", attention, "output", _shifted)
    yield Intervention("hook_resid_mid", "block.ln2", *middle, _shifted)
    yield Intervention("ln2.hook_out", "block.ln2", block.ln2, "output", _shifted)
    yield Intervention("hook_resid_post", "block.topology", "", "output", _shifted)


def of_heads(spec: Spec, layer: int) -> Iterator[Intervention]:
    """One head's query, key or value reversed, or its output set to zero."""
    attention = spec.attention
    for role in ("q", "k", "v"):
        path = f"{attention.path}.{attention.projections.modules[role]}"
        claim = f"attention.projections.{role}"
        edit = partial(_at_head, layer, _reversed)
        yield Intervention(f"attn.hook_{role}", claim, path, "output", edit, by_head=True)
    path = f"{attention.path}.{attention.projections.o}"
    edit = partial(_at_head, layer, torch.zeros_like)
    yield Intervention("attn.hook_z", "attention.heads", path, "input", edit, by_head=True)


def of_pattern(spec: Spec, layer: int) -> Iterator[Intervention]:
    """One head's attention scores tilted, or a row of its pattern replaced."""
    path, claim = spec.attention.path, "attention.kind"
    edit = partial(_at_head, layer, _tilted, axis=1)
    yield Intervention("attn.hook_attn_scores", claim, path, "scores", edit)
    edit = partial(_at_head, layer, _last_row_even, axis=1)
    yield Intervention("attn.hook_pattern", claim, path, "pattern", edit)


def of_mlp(spec: Spec) -> Iterator[Intervention]:
    """Gate, hidden activations or output of the MLP scaled."""
    mlp, edit = spec.mlp, partial(torch.mul, torch.tensor(1.5))
    yield Intervention("mlp.hook_pre", "mlp.gate", f"{mlp.path}.{mlp.gate}", "output", edit)
    yield Intervention("mlp.hook_post", "mlp.out", f"{mlp.path}.{mlp.out}", "input", edit)
    yield Intervention("hook_mlp_out", "mlp.path", mlp.path, "output", edit)


def hf_logits(hf: HfModel, block: str, intervention: Intervention, head_size: int) -> Tensor:
    """HF's logits [batch, pos, vocab] on its main batch with the edit."""
    path, place = f"{block}.{intervention.path}".rstrip("."), intervention.place
    edit, module = intervention.edit, hf.module(path)
    if intervention.by_head:
        edit = partial(_by_head, head_size, edit)

    def run() -> Tensor:
        with _edited(module, place, edit):
            return hf.logits(hf.batch(hf.length))

    what = f"HF's output with {place} of {path} edited as {intervention.hook}, heads of {head_size}"
    return hf.once.get(what, run)


def _at_head(number: int, change: Edit, value: Tensor, axis: int = 2) -> Tensor:
    """Change one head, another one in each layer."""
    head = number % value.shape[axis]
    heads = list(value.unbind(axis))
    heads[head] = change(heads[head])
    return torch.stack(heads, axis)


def _shifted(value: Tensor) -> Tensor:
    """Add a vector."""
    return value + torch.linspace(-1, 2, value.shape[-1], dtype=value.dtype)


def _reversed(value: Tensor) -> Tensor:
    """Turn it round, which neither a norm nor the softmax undoes, as they do a scaling."""
    return value.flip(-1)


def _tilted(scores: Tensor) -> Tensor:
    """Add more to the scores of later keys; what is masked stays masked."""
    return scores + torch.linspace(0, 3, scores.shape[-1], dtype=scores.dtype)


def _last_row_even(pattern: Tensor) -> Tensor:
    """Let the last query attend to all tokens alike [batch, query, key]."""
    result = pattern.clone()
    result[..., -1, :] = 1 / pattern.shape[-1]
    return result


def _by_head(size: int, edit: Edit, value: Tensor) -> Tensor:
    return edit(value.reshape(*value.shape[:-1], -1, size)).reshape(value.shape)


@contextmanager
def _edited(module: nn.Module, place: Place, edit: Edit) -> Iterator[None]:
    if place in ("scores", "pattern"):
        with _softmax_edited(module, place, edit):
            yield
        return
    handle = (
        module.register_forward_pre_hook(partial(_edit_input, edit), with_kwargs=True)
        if place == "input"
        else module.register_forward_hook(partial(_edit_output, edit))
    )
    try:
        yield
    finally:
        handle.remove()


def _edit_input(edit: Edit, _: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
    if args:
        return (edit(args[0]), *args[1:]), kwargs
    return args, {**kwargs, "hidden_states": edit(kwargs["hidden_states"])}


def _edit_output(edit: Edit, _: nn.Module, __: Any, output: Any) -> Any:
    return (edit(output[0]), *output[1:]) if isinstance(output, tuple) else edit(output)


@contextmanager
def _softmax_edited(module: nn.Module, place: Place, edit: Edit) -> Iterator[None]:
    """While `module` runs, what the softmax takes (scores) or returns (pattern) is edited."""
    softmax = nn.functional.softmax
    running = False

    def enter(*_: Any) -> None:
        nonlocal running
        running = True

    def leave(*_: Any) -> None:
        nonlocal running
        running = False

    def edited(value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not running:
            return softmax(value, *args, **kwargs)
        if place == "scores":
            return softmax(edit(value), *args, **kwargs)
        return edit(softmax(value, *args, **kwargs))

    handles = [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        with patch.object(nn.functional, "softmax", edited):
            yield
    finally:
        for handle in handles:
            handle.remove()
