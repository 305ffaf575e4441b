"""The same edit of an activation on both sides: at TL's hook, and in HF with plain PyTorch.

On HF's side an activation is what a module takes or returns; attention scores and patterns are
what the softmax of eager attention takes and returns.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from adaptergen.spec.model import Spec
from adaptergen.verify.call import Call, Edit
from adaptergen.verify.heads import head_dim, headed, rows
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import once
from adaptergen.verify.pattern import AroundSoftmax, left_by_sinks
from adaptergen.verify.probe import at

Place = Literal["input", "output", "scores", "pattern"]


@dataclass(frozen=True)
class Intervention:
    """An edit at a hook below a block, and the module below HF's block where it happens too.

    `edit` gets the activation as TL has it: where `heads` names q, k, v or z, HF's is split by
    head before, and where HF multiplies it by `scale` later on, it is multiplied; so is a pattern
    by what `sinks` leave to keys. An empty path is the block itself.
    """

    hook: str
    claim: str
    path: str
    place: Place
    edit: Edit
    heads: Literal["", "q", "k", "v", "z"] = ""
    scale: float = 1.0
    sinks: str | None = None


def of_stream(spec: Spec, middle_reaches_stream: bool, scale: float) -> Iterator[Intervention]:
    """A vector added to the residual stream around each part of a block, and behind its norms.

    As a hook of its own, hook_resid_mid would move the stream, and HF's stream moves there with
    what attention returns. As another name of a module's input it moves only what that reads.
    `scale` is what HF multiplies the outputs of attention and MLP by.
    """
    norms, attention, mlp = spec.block.norms, spec.attention.path, spec.mlp.path
    outputs = {"attn": norms.get("ln1_post", attention), "mlp": norms.get("ln2_post", mlp)}
    middle: tuple[str, Place] = (outputs["attn"], "output")
    if not middle_reaches_stream:
        middle = (norms.get("ln2", mlp), "input")
    yield Intervention("hook_resid_pre", "paths.blocks", "", "input", shifted)
    for role, name in norms.items():
        yield Intervention(f"{role}.hook_out", f"block.{role}", name, "output", shifted)
    if spec.side_mlp is not None:
        # No hook shows what both MLPs add.
        del outputs["mlp"]
    for part, name in outputs.items():
        claim = f"{'attention' if part == 'attn' else 'mlp'}.path"
        yield Intervention(f"hook_{part}_out", claim, name, "output", shifted, scale=scale)
    if not spec.block.parallel:
        yield Intervention("hook_resid_mid", "block.topology", *middle, shifted)
    yield Intervention("hook_resid_post", "block.topology", "", "output", shifted)


def of_heads(spec: Spec, layer: int) -> Iterator[Intervention]:
    """One head's query, key or value reversed, or its output set to zero."""
    attention = headed(spec)
    for role in ("q", "k", "v"):
        path = f"{attention.path}.{attention.projections.module_of(role)}"
        claim = f"attention.projections.{role}"
        edit = partial(_at_head, layer, _reversed)
        yield Intervention(f"attn.hook_{role}", claim, path, "output", edit, heads=role)
    path = f"{attention.path}.{attention.projections.o}"
    edit = partial(_at_head, layer, torch.zeros_like)
    yield Intervention("attn.hook_z", "attention.heads", path, "input", edit, heads="z")


def of_pattern(spec: Spec, layer: int) -> Iterator[Intervention]:
    """One head's attention scores tilted, or a row of its pattern replaced."""
    path, claim = spec.attention.path, "attention.kind"
    edit = partial(_at_head, layer, _tilted, axis=1)
    yield Intervention("attn.hook_attn_scores", claim, path, "scores", edit)
    edit = partial(_at_head, layer, _last_row_even, axis=1)
    sinks = spec.attention.sinks
    yield Intervention("attn.hook_pattern", claim, path, "pattern", edit, sinks=sinks)


def hf_logits(hf: HfModel, spec: Spec, block: str, intervention: Intervention) -> Tensor:
    """HF's logits [batch, pos, vocab] on its main batch with the edit."""
    path, place = f"{block}.{intervention.path}".rstrip("."), intervention.place
    edit = intervention.edit
    if intervention.heads:
        edit = partial(_by_head, head_dim(hf, spec, block), edit)
    if intervention.heads in ("q", "k", "v"):
        edit = at(rows(hf, spec, block)[intervention.heads].flatten(), edit)
    if intervention.scale != 1.0:
        edit = partial(_scaled, intervention.scale, edit)
    return _edited_logits(hf, path, place, edit, intervention.sinks)


@once("HF's output with {place} of {path} edited")
def _edited_logits(hf: HfModel, path: str, place: Place, edit: Edit, sinks: str | None) -> Tensor:
    with _edited(hf.module(path), place, edit, sinks):
        return hf.logits(hf.batch(hf.length))


def _at_head(number: int, change: Edit, value: Tensor, axis: int = 2) -> Tensor:
    """Change one head, another one in each layer."""
    head = number % value.shape[axis]
    heads = list(value.unbind(axis))
    heads[head] = change(heads[head])
    return torch.stack(heads, axis)


def shifted(value: Tensor) -> Tensor:
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


def _scaled(scale: float | Tensor, edit: Edit, value: Tensor) -> Tensor:
    """The edit of a value that is multiplied later on, made as if it were multiplied already."""
    return edit(scale * value) / scale


def _by_head(size: int, edit: Edit, value: Tensor) -> Tensor:
    return edit(value.reshape(*value.shape[:-1], -1, size)).reshape(value.shape)


@contextmanager
def _edited(module: nn.Module, place: Place, edit: Edit, sinks: str | None) -> Iterator[None]:
    if place in ("scores", "pattern"):
        with _softmax_edited(module, place, edit, sinks):
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
    call = Call(args, kwargs, None)
    edited = call.with_input(edit(call.input))
    return edited.args, edited.kwargs


def _edit_output(edit: Edit, _: nn.Module, __: Any, output: Any) -> Any:
    return Call((), {}, output).with_value(edit)


def _of_keys(keys: int, edit: Edit, value: Tensor) -> Tensor:
    return torch.cat((edit(value[..., :keys]), value[..., keys:]), dim=-1)


@contextmanager
def _softmax_edited(
    module: nn.Module, place: Place, edit: Edit, sinks: str | None
) -> Iterator[None]:
    """While `module` runs, what the softmax takes (scores) or returns (pattern) is edited."""
    running = False
    left: Tensor | None = None

    def enter(*_: Any) -> None:
        nonlocal running
        running = True

    def leave(*_: Any) -> None:
        nonlocal running
        running = False

    def edited(value: Tensor) -> Tensor:
        # Behind the keys there may be a sink, which has no place in TL's scores and patterns.
        change = edit if left is None else partial(_scaled, left, edit)
        return _of_keys(min(value.shape[-2:]), change, value) if running else value

    def measured(scores: Tensor) -> Tensor:
        nonlocal left
        left = left_by_sinks(module, sinks, scores) if running and sinks else None
        return scores

    around = {"taken": edited} if place == "scores" else {"taken": measured, "returned": edited}
    handles = [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        with AroundSoftmax(**around):
            yield
    finally:
        for handle in handles:
            handle.remove()
