"""Queries, keys and values in the HF model: where they come from, and how heads share them."""

import torch
from torch import Tensor

from adaptergen.components.attention.probe import probe_of
from adaptergen.components.attention.projections import FusedProjections
from adaptergen.components.attention.spec import HeadedAttention
from adaptergen.spec.model import Spec
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import NotApplicableError


def look_inside(spec: Spec) -> None:
    """Say that one looks at parts of attention.

    Raises:
        NotApplicableError: if attention is one piece.
    """
    reason = probe_of(spec.attention).without_parts
    if reason:
        raise NotApplicableError(reason)


def look_at_steps(spec: Spec) -> None:
    """Say that one looks at steps of attention that TL computes.

    Raises:
        NotApplicableError: if HF computes them, or there are none such.
    """
    reason = probe_of(spec.attention).without_steps
    if reason:
        raise NotApplicableError(reason)


def headed(spec: Spec) -> HeadedAttention:
    """The attention of a spec, where heads have projections.

    Raises:
        NotApplicableError: if attention is one piece, or queries, keys and values are from latents.
    """
    if isinstance(spec.attention, HeadedAttention):
        return spec.attention
    raise NotApplicableError(probe_of(spec.attention).without_heads)


def head_counts(config: object, spec: Spec) -> tuple[int, int]:
    """How many query heads an HF config gives, and how many key and value heads.

    Raises:
        NotApplicableError: if attention is one piece, in which nobody counts heads.
    """
    return probe_of(spec.attention).counts(config)


def head_dim(hf: HfModel, spec: Spec, layer: str) -> int:
    """Size of a head: the width of the projections shared among the heads of the config."""
    projections, (query, key_value) = headed(spec).projections, head_counts(hf.config, spec)
    path, heads = f"{layer}.{spec.attention.path}", query
    if isinstance(projections, FusedProjections):
        path, heads = f"{path}.{projections.qkv}", query + 2 * key_value
    else:
        path = f"{path}.{projections.q}"
    return int(hf.call(path).value.shape[-1] // heads)


def rows(hf: HfModel, spec: Spec, layer: str) -> dict[str, Tensor]:
    """The outputs of its module that each of q, k and v is, by head: [head, d_head]."""
    size, projections = head_dim(hf, spec, layer), headed(spec).projections
    query, key_value = head_counts(hf.config, spec)
    if not isinstance(projections, FusedProjections):
        counts = {"q": query, "k": key_value, "v": key_value}
        return {role: torch.arange(n * size).view(n, size) for role, n in counts.items()}
    return fused_rows(projections.layout, query, key_value, size)


def fused_rows(layout: str, query: int, key_value: int, size: int) -> dict[str, Tensor]:
    """The outputs of a fused projection that each of q, k and v is, by head: [head, d_head]."""
    counts = {"q": query, "k": key_value, "v": key_value}
    every = torch.arange((query + 2 * key_value) * size)
    if layout == "stacked":
        parts = torch.split(every.view(-1, size), list(counts.values()))
    else:
        grouped = every.view(key_value, -1, size)
        parts = (grouped[:, :-2].flatten(0, 1), grouped[:, -2], grouped[:, -1])
    return dict(zip(counts, parts, strict=True))


def by_head(hf: HfModel, spec: Spec, layer: str) -> dict[str, Tensor]:
    """Queries, keys and values as projected in the main pass, each [batch, pos, head, d_head]."""
    path, indices = f"{layer}.{spec.attention.path}", rows(hf, spec, layer)
    of = headed(spec).projections.module_of
    return {role: hf.call(f"{path}.{of(role)}").value[..., at] for role, at in indices.items()}


def split(value: Tensor, size: int) -> Tensor:
    """[batch, pos, head * d_head] as [batch, pos, head, d_head]."""
    return value.reshape(*value.shape[:-1], -1, size)
