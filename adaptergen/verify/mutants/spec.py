"""Mistakes that can be made in each facet: names for each other, and one value for another.

A new facet value needs one function here, or in the modules of attention and MLPs.
"""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.side_mlp import mutants as side_mlp
from adaptergen.language.facet import Facet
from adaptergen.spec.block import ParallelNorm, PostNorm, PreNorm, SandwichNorm, SharedNorm
from adaptergen.spec.model import Paths, Spec
from adaptergen.spec.multipliers import DividedLogits, MultipliedLogits, Multipliers
from adaptergen.spec.norm import LayerNorm, RmsNorm
from adaptergen.spec.processing import Invalid, InvalidWhere
from adaptergen.verify.mutants import attention
from adaptergen.verify.mutants.change import (
    INSTEAD,
    Change,
    Original,
    changed,
    changes,
    deciding_keys,
    instead,
    mutates,
    swaps,
)
from adaptergen.verify.mutants.leaves import renamed

# With these modules the functions in them are registered.
__all__ = ["INSTEAD", "attention", "changed", "changes", "side_mlp"]


@mutates(Spec)
def _spec(spec: Spec, original: Original) -> Iterator[Change]:
    yield from renamed(original)
    other = "GPT2LMHeadModel"
    # Of a module, it would change no more than the names of its classes.
    renamed_spec = {"architecture": other, "class_prefix": spec.prefix}
    yield Change("architecture.other", f"architecture is {other}", renamed_spec)
    other = "gpt2"
    yield Change("model_type.other", f"model_type is {other}", {"model_type": other})
    yield from _identity(spec)
    if spec.refused:
        yield Change("refused.none", "no model is refused", {"refused": {}})
    for key in _unset(deciding_keys(original), original)[:1]:
        more = {**spec.refused, key: "This mutant says so."}
        yield Change("refused.needless", f"models with {key} are refused", {"refused": more})
    layouts = spec.model_dump(by_alias=True)["layouts"]
    if not layouts:
        text, key = "blocks have another layout", deciding_keys(original)[0]
        (other_block,) = (block for _, block in _parallel_norm(original))
        needless = [{"when": key, "block": other_block}]
        yield Change("layouts.needless", f"{text} where {key} is set", {"layouts": needless})
    for index, layout in enumerate(layouts):
        name, rest = f"layouts.{index}", layouts[:index] + layouts[index + 1 :]
        yield Change(f"{name}.none", f"{name} is not declared", {"layouts": rest})
        for key in deciding_keys(original):
            if key != layout["when"]:
                wrong = [*rest, {**layout, "when": key}]
                yield Change(f"{name}.when.{key}", f"{key} decides {name}", {"layouts": wrong})
        for key, number in layout["unless"].items():
            for word, unless in (("none", {}), ("more", {key: number + 1})):
                wrong = [*layouts[:index], {**layout, "unless": unless}, *layouts[index + 1 :]]
                text = f"{name} is there unless {unless or 'nothing'}"
                yield Change(f"{name}.unless.{word}", text, {"layouts": wrong})
        usual = [*rest, {**layout, "block": spec.block.model_dump(by_alias=True)}]
        exchanged = {"layouts": usual, "block": layout["block"]}
        yield Change(f"{name}.swapped", f"{name} is the layout without its key", exchanged)


def _identity(spec: Spec) -> Iterator[Change]:
    """Another class among those that checkpoints name, another version, and other defaults."""
    if spec.aliases:
        other = "GPT2LMHeadModel"
        yield Change("aliases.other", f"{other} is one too", {"aliases": [*spec.aliases, other]})
    if spec.since is not None:
        yield Change("since.later", "HF has the class since 99.0", {"since": "99.0"})
    for key, value in spec.defaults.items():
        wrong = not value if isinstance(value, bool) else 3.0
        text = f"{key} is {wrong} by default, not {value}"
        yield Change(f"defaults.{key}.other", text, {f"defaults.{key}": wrong})


def _unset(keys: list[str], original: Original) -> list[str]:
    """Those of the keys that the tiny model does not set, and that the spec does not refuse."""
    return [
        k for k in keys if k not in original.spec.refused and not getattr(original.hf.config, k)
    ]


@mutates(Paths)
def _paths(paths: Paths, original: Original) -> Iterator[Change]:
    yield Change("rotary.none", "no module computes positions", {"rotary": None})


@instead(RmsNorm)
def _rms_norm(original: Original) -> Iterator[tuple[str, Any]]:
    norm = original.spec.norm
    yield "", {"kind": "rms", "weight": norm.weight, "eps": norm.eps}


@instead(LayerNorm)
def _layer_norm(original: Original) -> Iterator[tuple[str, Any]]:
    norm = original.spec.norm
    yield "", {"kind": "layer", "weight": norm.weight, "bias": norm.bias, "eps": norm.eps}


@mutates(RmsNorm, LayerNorm)
def _eps(norm: Facet, original: Original) -> Iterator[Change]:
    for key in ("initializer_range", None):
        yield Change(f"eps.{key}", f"eps is {key}", {"eps": key})


@mutates(PreNorm, PostNorm, SandwichNorm, SharedNorm, ParallelNorm)
def _norms(block: Facet, original: Original) -> Iterator[Change]:
    yield from swaps(block, *original.spec.block.norms)


@instead(PreNorm)
def _pre_norm(original: Original) -> Iterator[tuple[str, Any]]:
    first, *_, last = _names_of_norms(original)
    yield "", {"topology": "pre", "ln1": first, "ln2": last}


@instead(PostNorm)
def _post_norm(original: Original) -> Iterator[tuple[str, Any]]:
    first, *_, last = _names_of_norms(original)
    yield "", {"topology": "post", "ln1_post": first, "ln2_post": last}


@instead(SandwichNorm)
def _sandwich_norm(original: Original) -> Iterator[tuple[str, Any]]:
    roles = ("ln1", "ln1_post", "ln2", "ln2_post")
    first, *_, last = _names_of_norms(original)
    names = dict(zip(roles, (first, last, last, first), strict=True))
    yield "", {"topology": "sandwich", **names, **original.spec.block.norms}


@instead(SharedNorm)
def _shared_norm(original: Original) -> Iterator[tuple[str, Any]]:
    yield "", {"topology": "shared", "ln1": _names_of_norms(original)[0]}


@instead(ParallelNorm)
def _parallel_norm(original: Original) -> Iterator[tuple[str, Any]]:
    first, *_, last = _names_of_norms(original)
    yield "", {"topology": "parallel", "ln1": first, "ln2": last}


def _names_of_norms(original: Original) -> list[str]:
    """HF names of a block's norms, at least two."""
    names = list(original.spec.block.norms.values())
    return names if len(names) > 1 else 2 * names


@mutates(Multipliers)
def _multipliers(multipliers: Multipliers, original: Original) -> Iterator[Change]:
    for key in ("embedding", "residual"):
        if getattr(multipliers, key) is not None:
            yield Change(f"{key}.none", f"{key} is not multiplied", {key: None})
        else:
            wrong = "initializer_range"
            yield Change(f"{key}.{wrong}", f"{key} is multiplied by {wrong}", {key: wrong})


@instead(MultipliedLogits)
def _multiplied(original: Original) -> Iterator[tuple[str, Any]]:
    yield "", {"multiply": getattr(original.spec.multipliers.logits, "factor", "initializer_range")}


@instead(DividedLogits)
def _divided(original: Original) -> Iterator[tuple[str, Any]]:
    yield "", {"divide": getattr(original.spec.multipliers.logits, "factor", "initializer_range")}


@instead(InvalidWhere)
def _invalid_where(original: Original) -> Iterator[tuple[str, Any]]:
    for key in ("use_cache", *_conditions(original)):
        yield key, {"invalid_where": {"key": key, "reason": "This mutant says so."}}


def _conditions(original: Original) -> list[str]:
    """Config keys that decide biases."""
    keys = original.spec.attention.biases.values()
    return sorted({key for key in keys if isinstance(key, str)})


@instead(Invalid)
def _invalid(original: Original) -> Iterator[tuple[str, Any]]:
    yield "needlessly", {"invalid": "This mutant says so."}
