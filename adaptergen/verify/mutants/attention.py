"""Mistakes that can be made in what kinds of attention share: projections, heads, windows."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.attention.projections import FusedProjections, Heads, SeparateProjections
from adaptergen.components.attention.qk_norm import (
    FullWidthQKNorm,
    HeadModulesQKNorm,
    OwnPerHeadQKNorm,
    PerHeadQKNorm,
    QKNorms,
)
from adaptergen.components.attention.rope import FlaggedLayers
from adaptergen.components.attention.window import ConfigWindow, FlaggedWindow
from adaptergen.verify.heads import headed
from adaptergen.verify.hf import window_settings
from adaptergen.verify.mutants.change import (
    Change,
    Original,
    instead,
    mutates,
    swap,
    swaps,
)

# An attribute that every module of torch has, and that is false in evaluation mode.
_FALSE_FLAG = "training"


@mutates(SeparateProjections)
def _separate(projections: SeparateProjections, original: Original) -> Iterator[Change]:
    yield from swaps(projections, "q", "k", "v", "o")


@mutates(FusedProjections)
def _fused(projections: FusedProjections, original: Original) -> Iterator[Change]:
    yield swap(projections, "qkv", "o")


@instead(SeparateProjections)
def _instead_of_fused(original: Original) -> Iterator[tuple[str, Any]]:
    names = list(headed(original.spec).projections.modules.values())
    yield "", {"kind": "separate", **dict.fromkeys("qkv", names[0]), "o": names[-1]}


@instead(FusedProjections)
def _instead_of_separate(original: Original) -> Iterator[tuple[str, Any]]:
    names = list(headed(original.spec).projections.modules.values())
    yield "", {"kind": "fused", "qkv": names[0], "o": names[-1], "layout": "stacked"}


@mutates(Heads)
def _heads(heads: Heads, original: Original) -> Iterator[Change]:
    number = "num_hidden_layers"
    for key in ("key_value", "head_dim"):
        if getattr(heads, key) is None:
            yield Change(f"{key}.{number}", f"{key} is {number}", {key: number})
    if heads.key_value is not None:
        yield swap(heads, "query", "key_value")
        text = "key and value heads are counted as query heads"
        yield Change("key_value.query", text, {"key_value": heads.query})
        text = "query heads are counted as key and value heads"
        yield Change("query.key_value", text, {"query": heads.key_value})
        text = "every query head has its own keys and values"
        yield Change("key_value.none", text, {"key_value": None})
    if heads.single is not None:
        text = "no config has a single key and value head"
        yield Change("single.none", text, {"single": None})
    if heads.head_dim is not None:
        text = "no config key has the head size"
        yield Change("head_dim.none", text, {"head_dim": None})


@mutates(QKNorms)
def _qk_norms(norms: QKNorms, original: Original) -> Iterator[Change]:
    yield swap(norms, "q", "k")


@instead(PerHeadQKNorm)
def _per_head(original: Original) -> Iterator[tuple[str, Any]]:
    yield "q_norm", {"per_head": _qk_norm_names(original)}


@instead(OwnPerHeadQKNorm)
def _own_per_head(original: Original) -> Iterator[tuple[str, Any]]:
    yield "q_norm", {"own_per_head": _qk_norm_names(original)}


@instead(HeadModulesQKNorm)
def _head_modules(original: Original) -> Iterator[tuple[str, Any]]:
    yield "q_norm", {"head_modules": _qk_norm_names(original)}


@instead(FullWidthQKNorm)
def _full_width(original: Original) -> Iterator[tuple[str, Any]]:
    yield "q_norm", {"full_width": _qk_norm_names(original)}


def _qk_norm_names(original: Original) -> dict[str, Any]:
    """The norms of queries and keys, or those of another model."""
    norms = original.spec.attention.qk_norm.norms
    return norms.model_dump() if norms is not None else {"q": "q_norm", "k": "k_norm"}


@instead(FlaggedLayers)
def _flagged_layers(original: Original) -> Iterator[tuple[str, Any]]:
    yield _FALSE_FLAG, {"flag": _FALSE_FLAG}


@instead(FlaggedWindow)
def _flagged_window(original: Original) -> Iterator[tuple[str, Any]]:
    for flag in (_FALSE_FLAG, *_windows(original)):
        yield flag, {"flag": flag}


@instead(ConfigWindow)
def _config_window(original: Original) -> Iterator[tuple[str, Any]]:
    for key in ("max_position_embeddings", *_windows(original)):
        yield key, {"config": key}


def _windows(original: Original) -> list[str]:
    """Config keys of the tiny model that may hold a window's size."""
    settings = window_settings(original.hf.config)
    public = {key: value for key, value in settings.items() if not key.startswith("_")}
    return [key for key, value in public.items() if not isinstance(value, bool)]
