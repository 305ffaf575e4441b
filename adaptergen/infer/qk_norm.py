"""Norms of queries and keys: what they normalise, and whether before or after the rotation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adaptergen.infer.attention import Projections, norm_before, norms
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.verify import probe
from adaptergen.verify.call import Call, Edit
from adaptergen.verify.heads import fused_rows
from adaptergen.verify.positions import positions_of, without_turning


@dataclass(frozen=True)
class HeadNorms:
    """The norms of queries and of keys, what they run over, and where they stand."""

    word: str
    q: str
    k: str
    after_rope: bool

    def facet(self, decisive: bool | str) -> dict[str, Any]:
        """The facet as YAML has it."""
        found: dict[str, Any] = {"q": self.q, "k": self.k}
        if isinstance(decisive, str):
            found["present"] = decisive
        if self.after_rope:
            found["after_rope"] = True
        return {self.word: found}


def head_norms(tiny: TinyModel, attention: str, found: Projections) -> HeadNorms | None:
    """The norms of queries and keys inside of an attention module; None if there are none.

    Raises:
        UnexplainedError: if only one of the two is normed, or they differ in kind.
    """
    names = [n for n in norms(tiny, attention) if n != norm_before(tiny, attention, found.o)]
    roles = {name: _normed(tiny, attention, name, found) for name in names}
    by_role = {role: [n for n, r in roles.items() if r == role] for role in "qk"}
    if not any(by_role.values()):
        return None
    if any(len(names) != 1 for names in by_role.values()):
        raise UnexplainedError("attention does not norm queries and keys once each")
    q, k = by_role["q"][0], by_role["k"][0]
    words = {_word(tiny, f"{attention}.{name}", found) for name in (q, k)}
    after = {_follows_rotation(tiny, attention, name) for name in (q, k)}
    if len(words) != 1 or len(after) != 1:
        raise UnexplainedError("the norms of queries and of keys differ in kind")
    return HeadNorms(words.pop(), q, k, after.pop())


def _normed(tiny: TinyModel, attention: str, norm: str, found: Projections) -> str:
    """The role, q or k, that alone moves the input of a norm; empty if there is none."""
    before = taken(tiny, attention, norm, {})
    moving = []
    for role, (name, elements) in _parts(found).items():
        edit = probe.at(elements, lambda value: value + 1.0)
        after = taken(tiny, attention, norm, {f"{attention}.{name}": edit})
        if probe.changed(before, after):
            moving.append(role)
    return moving[0] if len(moving) == 1 and moving != ["v"] else ""


def _parts(found: Projections) -> dict[str, tuple[str, Tensor | None]]:
    """The projection of queries, keys and values, and which of its outputs are meant."""
    if found.facet["kind"] == "separate":
        return {role: (found.facet[role], None) for role in "qkv"}
    layout, name = found.facet["layout"], found.facet["qkv"]
    rows = fused_rows(layout, found.heads, found.key_value, found.head_dim)
    return {role: (name, part.flatten()) for role, part in rows.items()}


def taken(tiny: TinyModel, attention: str, inner: str, edits: dict[str, Edit]) -> Tensor:
    """The input of a module inside of attention while others are edited."""
    tiny.hf.call(attention)
    with _listening(tiny, f"{attention}.{inner}") as kept:
        probe.run_edited(tiny.hf, attention, edits)
    return kept[-1]


@contextmanager
def _listening(tiny: TinyModel, path: str) -> Iterator[list[Tensor]]:
    """Collects what a module takes."""
    kept: list[Tensor] = []

    def keep(_: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        kept.append(Call(args, kwargs, None).input.clone())

    handle = tiny.hf.module(path).register_forward_pre_hook(keep, with_kwargs=True)
    try:
        yield kept
    finally:
        handle.remove()


def _word(tiny: TinyModel, path: str, found: Projections) -> str:
    module, width = tiny.hf.module(path), tiny.hf.call(path).input.shape[-1]
    shapes = {tuple(p.shape) for p in module.parameters()}
    if list(module.children()):
        return "head_modules"
    if width == found.head_dim and shapes <= {(width,)}:
        return "per_head"
    if width == found.head_dim:
        return "own_per_head"
    if shapes <= {(width,)}:
        return "full_width"
    raise UnexplainedError(f"no facet describes the norm {path}")


def _follows_rotation(tiny: TinyModel, attention: str, norm: str) -> bool:
    """Whether what a norm takes depends on positions."""
    hf, call = tiny.hf, tiny.hf.call(attention)
    positions = positions_of(hf, attention)
    if positions is None:
        return False
    with _listening(tiny, f"{attention}.{norm}") as kept, torch.no_grad():
        hf.rerun(attention, call)
        without_turning(hf, attention, call, positions)
    return probe.changed(kept[0], kept[1])
