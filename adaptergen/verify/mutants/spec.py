"""What can be mistaken in each facet: names for each other, and one value for another.

A new facet value needs one function here.
"""

from collections.abc import Iterator
from typing import Any

from adaptergen.spec.attention import (
    DelegatedAttention,
    LatentAttention,
    OpaqueAttention,
    ReimplementedAttention,
)
from adaptergen.spec.block import ParallelNorm, PostNorm, PreNorm, SandwichNorm, SharedNorm
from adaptergen.spec.facet import Facet
from adaptergen.spec.mlp import (
    DenseLayers,
    FusedGatedMlp,
    GatedMlp,
    MoeMlp,
    OpaqueMlp,
    PlainMlp,
    SharedExpert,
    SideMlp,
)
from adaptergen.spec.model import Paths, Spec
from adaptergen.spec.multipliers import DividedLogits, MultipliedLogits, Multipliers
from adaptergen.spec.norm import LayerNorm, RmsNorm
from adaptergen.spec.processing import Invalid, InvalidWhere
from adaptergen.spec.projections import FusedProjections, Heads, SeparateProjections
from adaptergen.spec.qk_norm import (
    FullWidthQKNorm,
    HeadModulesQKNorm,
    OwnPerHeadQKNorm,
    PerHeadQKNorm,
    QKNorms,
)
from adaptergen.spec.rope import FlaggedLayers
from adaptergen.spec.window import ConfigWindow, FlaggedWindow
from adaptergen.verify.heads import headed
from adaptergen.verify.hf import window_settings
from adaptergen.verify.mutants.change import (
    INSTEAD,
    Change,
    World,
    changed,
    changes,
    deciding_keys,
    instead,
    mutates,
    redirected,
    swap,
    swaps,
)

# With this module the functions below are registered.
__all__ = ["INSTEAD", "changed", "changes"]

# An attribute that every module of torch has, and that is false in evaluation mode.
_FALSE_FLAG = "training"


@mutates(Spec)
def _spec(spec: Spec, world: World) -> Iterator[Change]:
    other = "gpt2"
    yield Change("model_type.other", f"model_type is {other}", {"model_type": other})
    if spec.refused:
        yield Change("refused.none", "no model is refused", {"refused": {}})
    layouts = spec.model_dump(by_alias=True)["layouts"]
    if not layouts:
        text, key = "blocks have another layout", deciding_keys(world)[0]
        (other_block,) = (block for _, block in _parallel_norm(world))
        needless = [{"when": key, "block": other_block}]
        yield Change("layouts.needless", f"{text} where {key} is set", {"layouts": needless})
    for index, layout in enumerate(layouts):
        name, rest = f"layouts.{index}", layouts[:index] + layouts[index + 1 :]
        yield Change(f"{name}.none", f"{name} is not declared", {"layouts": rest})
        for key in deciding_keys(world):
            if key != layout["when"]:
                wrong = [*rest, {**layout, "when": key}]
                yield Change(f"{name}.when.{key}", f"{key} decides {name}", {"layouts": wrong})
        usual = [*rest, {**layout, "block": spec.block.model_dump(by_alias=True)}]
        exchanged = {"layouts": usual, "block": layout["block"]}
        yield Change(f"{name}.swapped", f"{name} is the layout without its key", exchanged)


@mutates(Paths)
def _paths(paths: Paths, world: World) -> Iterator[Change]:
    yield from redirected(world, "", paths, *type(paths).model_fields)
    yield Change("rotary.none", "no module computes positions", {"rotary": None})


@instead(RmsNorm)
def _rms_norm(world: World) -> Iterator[tuple[str, Any]]:
    norm = world.spec.norm
    yield "", {"kind": "rms", "weight": norm.weight, "eps": norm.eps}


@instead(LayerNorm)
def _layer_norm(world: World) -> Iterator[tuple[str, Any]]:
    norm = world.spec.norm
    yield "", {"kind": "layer", "weight": norm.weight, "bias": norm.bias, "eps": norm.eps}


@mutates(RmsNorm, LayerNorm)
def _eps(norm: Facet, world: World) -> Iterator[Change]:
    for key in ("initializer_range", None):
        yield Change(f"eps.{key}", f"eps is {key}", {"eps": key})


@mutates(PreNorm, PostNorm, SandwichNorm, SharedNorm, ParallelNorm)
def _norms(block: Facet, world: World) -> Iterator[Change]:
    roles = world.spec.block.norms
    yield from swaps(block, *roles)
    yield from redirected(world, world.layer, block, *roles)


@instead(PreNorm)
def _pre_norm(world: World) -> Iterator[tuple[str, Any]]:
    first, *_, last = _names_of_norms(world)
    yield "", {"topology": "pre", "ln1": first, "ln2": last}


@instead(PostNorm)
def _post_norm(world: World) -> Iterator[tuple[str, Any]]:
    first, *_, last = _names_of_norms(world)
    yield "", {"topology": "post", "ln1_post": first, "ln2_post": last}


@instead(SandwichNorm)
def _sandwich_norm(world: World) -> Iterator[tuple[str, Any]]:
    roles = ("ln1", "ln1_post", "ln2", "ln2_post")
    first, *_, last = _names_of_norms(world)
    names = dict(zip(roles, (first, last, last, first), strict=True))
    yield "", {"topology": "sandwich", **names, **world.spec.block.norms}


@instead(SharedNorm)
def _shared_norm(world: World) -> Iterator[tuple[str, Any]]:
    yield "", {"topology": "shared", "ln1": _names_of_norms(world)[0]}


@instead(ParallelNorm)
def _parallel_norm(world: World) -> Iterator[tuple[str, Any]]:
    first, *_, last = _names_of_norms(world)
    yield "", {"topology": "parallel", "ln1": first, "ln2": last}


def _names_of_norms(world: World) -> list[str]:
    """HF names of a block's norms, at least two."""
    names = list(world.spec.block.norms.values())
    return names if len(names) > 1 else 2 * names


@mutates(DelegatedAttention, OpaqueAttention, OpaqueMlp)
def _left_to_hf(part: Facet, world: World) -> Iterator[Change]:
    yield from redirected(world, world.layer, part, "path")


@mutates(ReimplementedAttention)
def _attention(attention: ReimplementedAttention, world: World) -> Iterator[Change]:
    yield from redirected(world, world.layer, attention, "path")
    text = "there are no sinks" if attention.sinks else "there are sinks"
    wrong = None if attention.sinks else "sinks"
    yield Change(f"sinks.{wrong}", text, {"sinks": wrong})


@mutates(LatentAttention)
def _latents(attention: LatentAttention, world: World) -> Iterator[Change]:
    modules = ("q_a", "q_norm", "q_b", "kv_a", "kv_norm", "kv_b", "o")
    yield from redirected(world, world.layer, attention, "path")
    yield from swaps(attention, *modules)
    yield from redirected(world, world.attention, attention, *modules)


@instead(ReimplementedAttention)
def _instead_reimplemented(world: World) -> Iterator[tuple[str, Any]]:
    attention = world.spec.attention
    if isinstance(attention, DelegatedAttention):
        kept = attention.model_dump(exclude={"kind", "reason", "rotary", "opaque"})
        rope = {"pairing": "half", "layers": "all"}
        yield "", {**kept, "kind": "reimplemented", "qk_norm": "none", "rope": rope}


@instead(DelegatedAttention)
def _instead_delegated(world: World) -> Iterator[tuple[str, Any]]:
    attention = world.spec.attention
    if isinstance(attention, ReimplementedAttention):
        keys = {"path", "projections", "bias", "heads", "window"}
        kept = attention.model_dump(include=keys)
        if kept["projections"]["kind"] == "separate":
            yield "", {**kept, "kind": "delegated", "reason": "None.", "rotary": True}


@instead(LatentAttention)
def _instead_latent(world: World) -> Iterator[tuple[str, Any]]:
    # Nothing that a spec of another kind says could be taken for latents.
    yield from ()


@instead(OpaqueAttention)
def _instead_opaque(world: World) -> Iterator[tuple[str, Any]]:
    # At the right path it is right for any model: it claims the least.
    attention = world.spec.attention
    kept = {"window": attention.window.model_dump(), "rotary": attention.rotary}
    yield "mlp", {"kind": "opaque", "reason": "None.", "path": world.spec.mlp.path, **kept}


@mutates(SeparateProjections)
def _separate(projections: SeparateProjections, world: World) -> Iterator[Change]:
    yield from swaps(projections, "q", "k", "v", "o")
    yield from redirected(world, world.attention, projections, "q", "k", "v", "o")


@mutates(FusedProjections)
def _fused(projections: FusedProjections, world: World) -> Iterator[Change]:
    yield swap(projections, "qkv", "o")
    yield from redirected(world, world.attention, projections, "qkv", "o")


@instead(SeparateProjections)
def _instead_of_fused(world: World) -> Iterator[tuple[str, Any]]:
    names = list(headed(world.spec).projections.modules.values())
    yield "", {"kind": "separate", **dict.fromkeys("qkv", names[0]), "o": names[-1]}


@instead(FusedProjections)
def _instead_of_separate(world: World) -> Iterator[tuple[str, Any]]:
    names = list(headed(world.spec).projections.modules.values())
    yield "", {"kind": "fused", "qkv": names[0], "o": names[-1], "layout": "stacked"}


@mutates(Heads)
def _heads(heads: Heads, world: World) -> Iterator[Change]:
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
def _qk_norms(norms: QKNorms, world: World) -> Iterator[Change]:
    yield swap(norms, "q", "k")
    yield from redirected(world, world.attention, norms, "q", "k")


@instead(PerHeadQKNorm)
def _per_head(world: World) -> Iterator[tuple[str, Any]]:
    yield "q_norm", {"per_head": _qk_norm_names(world)}


@instead(OwnPerHeadQKNorm)
def _own_per_head(world: World) -> Iterator[tuple[str, Any]]:
    yield "q_norm", {"own_per_head": _qk_norm_names(world)}


@instead(HeadModulesQKNorm)
def _head_modules(world: World) -> Iterator[tuple[str, Any]]:
    yield "q_norm", {"head_modules": _qk_norm_names(world)}


@instead(FullWidthQKNorm)
def _full_width(world: World) -> Iterator[tuple[str, Any]]:
    yield "q_norm", {"full_width": _qk_norm_names(world)}


def _qk_norm_names(world: World) -> dict[str, Any]:
    """The norms of queries and keys, or those of another model."""
    norms = world.spec.attention.qk_norm.norms
    return norms.model_dump() if norms is not None else {"q": "q_norm", "k": "k_norm"}


@instead(FlaggedLayers)
def _flagged_layers(world: World) -> Iterator[tuple[str, Any]]:
    yield _FALSE_FLAG, {"flag": _FALSE_FLAG}


@instead(FlaggedWindow)
def _flagged_window(world: World) -> Iterator[tuple[str, Any]]:
    for flag in (_FALSE_FLAG, *_windows(world)):
        yield flag, {"flag": flag}


@instead(ConfigWindow)
def _config_window(world: World) -> Iterator[tuple[str, Any]]:
    for key in ("max_position_embeddings", *_windows(world)):
        yield key, {"config": key}


@mutates(GatedMlp)
def _gated_mlp(mlp: GatedMlp, world: World) -> Iterator[Change]:
    yield from redirected(world, world.layer, mlp, "path")
    yield Change("act.none", "no config key has the activation", {"act": None})
    yield from swaps(mlp, "gate", "in", "out")
    yield from redirected(world, world.mlp, mlp, "gate", "in", "out")
    yield from _left_out(mlp, "opaque")


@mutates(PlainMlp)
def _plain_mlp(mlp: PlainMlp, world: World) -> Iterator[Change]:
    yield from redirected(world, world.layer, mlp, "path")
    yield Change("act.none", "no config key has the activation", {"act": None})
    yield from swaps(mlp, "in", "out")
    yield from redirected(world, world.mlp, mlp, "in", "out")
    yield from _left_out(mlp, "opaque")


@mutates(FusedGatedMlp)
def _fused_gated_mlp(mlp: FusedGatedMlp, world: World) -> Iterator[Change]:
    yield from redirected(world, world.layer, mlp, "path")
    yield Change("act.none", "no config key has the activation", {"act": None})
    yield from swaps(mlp, "gate_in", "out")
    yield from redirected(world, world.mlp, mlp, "gate_in", "out")
    yield from _left_out(mlp, "opaque")


@mutates(MoeMlp)
def _moe_mlp(mlp: MoeMlp, world: World) -> Iterator[Change]:
    yield from redirected(world, world.layer, mlp, "path")
    yield Change("act.none", "no config key has the activation", {"act": None})
    yield from swaps(mlp, "router", "experts")
    yield from redirected(world, world.mlp, mlp, "router", "experts")
    yield from _left_out(mlp, "shared", "dense", "opaque")
    number = "num_hidden_layers"
    yield Change(f"count.{number}", f"{number} is the number of experts", {"count": number})


def _left_out(facet: Facet, *keys: str) -> Iterator[Change]:
    """Keys that need not be there, left out if they are."""
    for key in keys:
        if getattr(facet, key):
            default = type(facet).model_fields[key].default
            yield Change(f"{key}.none", f"{key} is not declared", {key: default})


@mutates(DenseLayers, SharedExpert)
def _beside_experts(part: Facet, world: World) -> Iterator[Change]:
    yield from swaps(part, "gate", "in", "out")


@instead(GatedMlp)
def _instead_gated(world: World) -> Iterator[tuple[str, Any]]:
    for into, out in _ends(world):
        names = {"path": world.spec.mlp.path, "gate": into, "in": into, "out": out}
        yield "", {"kind": "gated", **names, "bias": False, "act": world.spec.mlp.act}


@instead(PlainMlp)
def _instead_plain(world: World) -> Iterator[tuple[str, Any]]:
    for into, out in _ends(world):
        names = {"path": world.spec.mlp.path, "in": into, "out": out}
        yield "", {"kind": "plain", **names, "bias": False, "act": world.spec.mlp.act}


@instead(FusedGatedMlp)
def _instead_fused(world: World) -> Iterator[tuple[str, Any]]:
    for into, out in _ends(world):
        names = {"path": world.spec.mlp.path, "gate_in": into, "out": out}
        yield "", {"kind": "fused_gated", **names, "bias": False, "act": world.spec.mlp.act}


@instead(MoeMlp)
def _instead_moe(world: World) -> Iterator[tuple[str, Any]]:
    if isinstance(world.spec.mlp, MoeMlp):
        return
    for into, out in _ends(world):
        names = {"path": world.spec.mlp.path, "router": into, "experts": out}
        yield "", {"kind": "moe", **names, "count": "num_experts", "act": world.spec.mlp.act}


@instead(OpaqueMlp)
def _instead_opaque_mlp(world: World) -> Iterator[tuple[str, Any]]:
    # At the right path it is right for any model: it claims the least.
    path = world.spec.attention.path
    yield "attention", {"kind": "opaque", "reason": "None.", "path": path}


def _ends(world: World) -> Iterator[tuple[str, str]]:
    """The first and the last module that the MLP's facet names, if it names any."""
    mlp = world.spec.mlp
    names = list(mlp.modules.values())
    if isinstance(mlp, MoeMlp):
        names = [mlp.router, mlp.experts]
    if names:
        yield names[0], names[-1]


@mutates(SideMlp)
def _side_mlp(side: SideMlp, world: World) -> Iterator[Change]:
    yield from redirected(world, world.layer, side, "path")
    yield swap(side, "gate_in", "out")


@mutates(Multipliers)
def _multipliers(multipliers: Multipliers, world: World) -> Iterator[Change]:
    for key in ("embedding", "residual"):
        if getattr(multipliers, key) is not None:
            yield Change(f"{key}.none", f"{key} is not multiplied", {key: None})
        else:
            wrong = "initializer_range"
            yield Change(f"{key}.{wrong}", f"{key} is multiplied by {wrong}", {key: wrong})


@instead(MultipliedLogits)
def _multiplied(world: World) -> Iterator[tuple[str, Any]]:
    yield "", {"multiply": getattr(world.spec.multipliers.logits, "key", "initializer_range")}


@instead(DividedLogits)
def _divided(world: World) -> Iterator[tuple[str, Any]]:
    yield "", {"divide": getattr(world.spec.multipliers.logits, "key", "initializer_range")}


@instead(InvalidWhere)
def _invalid_where(world: World) -> Iterator[tuple[str, Any]]:
    for key in ("use_cache", *_conditions(world)):
        yield key, {"invalid_where": {"key": key, "reason": "This mutant says so."}}


def _conditions(world: World) -> list[str]:
    """Config keys that decide biases."""
    keys = world.spec.attention.biases.values()
    return sorted({key for key in keys if isinstance(key, str)})


@instead(Invalid)
def _invalid(world: World) -> Iterator[tuple[str, Any]]:
    yield "needlessly", {"invalid": "This mutant says so."}


def _windows(world: World) -> list[str]:
    """Config keys of the tiny model that may hold a window's size."""
    settings = window_settings(world.hf.config)
    public = {key: value for key, value in settings.items() if not key.startswith("_")}
    return [key for key, value in public.items() if not isinstance(value, bool)]
