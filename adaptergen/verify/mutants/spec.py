"""Wrong specs: every claim of a spec changed in each way that someone could get it wrong.

Most changes follow from what a key holds: a choice becomes another one, a decided key its opposite
or another key, a word another word. What a name could be mistaken for depends on the facet; a
function registered for the facet's class says it. A new facet value needs one such function.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic.fields import FieldInfo

from adaptergen.spec.attention import (
    Heads,
    PerHeadQKNorm,
    QKNormNames,
    ReimplementedAttention,
    SeparateProjections,
)
from adaptergen.spec.facet import Facet, Word
from adaptergen.spec.mlp import GatedMlp
from adaptergen.spec.model import Paths, Spec
from adaptergen.spec.norm import PreNorm
from adaptergen.spec.processing import Invalid
from adaptergen.spec.rope import FlaggedLayers
from adaptergen.spec.values import Decided
from adaptergen.spec.verification import Verification
from adaptergen.spec.walk import classes_of, key_of, tag_of
from adaptergen.spec.window import ConfigWindow, FlaggedWindow
from adaptergen.verify.hf import HfModel, window_settings

F = TypeVar("F", bound=Facet)

_DECIDED = get_args(Decided)[1]

# An attribute that every module of torch has, and that is false in evaluation mode.
_FALSE_FLAG = "training"


@dataclass(frozen=True)
class Change:
    """Other values for some keys of a spec, by dotted path; `name` is short and never changes."""

    name: str
    description: str
    values: dict[str, Any]


@dataclass(frozen=True)
class World:
    """What a change may draw on: the whole spec, and the HF model that it is about."""

    spec: Spec
    hf: HfModel

    @property
    def layer(self) -> str:
        """Path of the first layer."""
        return f"{self.spec.paths.blocks}.0"

    def lookalikes(self, path: str, inside: str) -> list[str]:
        """Other modules with parameters of the same shapes, as paths seen from `inside`."""
        modules = dict(self.hf.module(inside).named_modules() if inside else self._modules())
        shapes = {p: _shapes(m) for p, m in modules.items()}
        wanted = shapes.get(path)
        return [p for p, found in shapes.items() if wanted and found == wanted and p != path]

    def _modules(self) -> Iterator[tuple[str, Any]]:
        yield from self.hf.model.named_modules()


def _shapes(module: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(value.shape)) for name, value in module.named_parameters()]


Changes = Callable[[Any, World], Iterator[Change]]
Values = Callable[[World], Iterator[tuple[str, Any]]]

CHANGES: dict[type[Facet], Changes] = {}
INSTEAD: dict[type[Facet], Values] = {}


def mutates(
    facet: type[F],
) -> Callable[[Callable[[F, World], Iterator[Change]]], Callable[[F, World], Iterator[Change]]]:
    """Register how a facet's names can be wrong; keys of its changes are seen from the facet."""

    def register(
        function: Callable[[F, World], Iterator[Change]],
    ) -> Callable[[F, World], Iterator[Change]]:
        CHANGES[facet] = function
        return function

    return register


def instead(facet: type[Facet]) -> Callable[[Values], Values]:
    """Register wrong values of a facet's class where the spec may have another class's.

    Each is a word for the mutant's name and the value as YAML has it.
    """

    def register(function: Values) -> Values:
        INSTEAD[facet] = function
        return function

    return register


def changes(spec: Spec, hf: HfModel) -> list[Change]:
    """Every change of a spec, in the order of its keys; no two lead to the same spec."""
    found: list[Change] = []
    seen = [spec]
    for change in _changes_of(spec, "", World(spec, hf)):
        wrong = changed(spec, change)
        if wrong not in seen:
            seen.append(wrong)
            found.append(change)
    return found


def changed(spec: Spec, change: Change) -> Spec:
    """The spec with a change made."""
    tree = spec.model_dump(by_alias=True)
    for path, value in change.values.items():
        *parents, key = path.split(".")
        facet = tree
        for parent in parents:
            facet = facet[parent]
        facet[key] = value
    return Spec.model_validate(tree)


def _changes_of(facet: Facet, prefix: str, world: World) -> Iterator[Change]:
    registered = CHANGES.get(type(facet))
    for change in registered(facet, world) if registered else ():
        yield _inside(prefix, change)
    for name, field in type(facet).model_fields.items():
        key, value = key_of(name, field), getattr(facet, name)
        for word, other in _others(field, value, world):
            shown = word if isinstance(other, dict) else other
            text = f"{prefix}{key} is {shown}, not {_shown(value)}"
            yield _inside(prefix, Change(f"{key}.{word}", text, {key: other}))
        if isinstance(value, Facet) and not isinstance(value, Verification):
            yield from _changes_of(value, f"{prefix}{key}.", world)


def _inside(prefix: str, change: Change) -> Change:
    values = {prefix + key: value for key, value in change.values.items()}
    return replace(change, name=(prefix + change.name).lower(), values=values)


def _shown(value: object) -> object:
    return tag_of(type(value)) if isinstance(value, Facet) else value


def _others(field: FieldInfo, value: object, world: World) -> Iterator[tuple[str, Any]]:
    """Other values that a key can hold by its type alone, each with a word for it."""
    classes = classes_of(field.annotation)
    if len(classes) > 1:
        for cls in classes:
            if issubclass(cls, Word):
                yield cls.word, cls.word
            else:
                for word, other in INSTEAD[cls](world):
                    yield f"{tag_of(cls)}.{word}", other
    elif _DECIDED in field.metadata:
        for other in (True, False, *_deciding_keys(world)):
            yield str(other), other
    elif field.annotation is bool:
        yield "flipped", not value
    elif get_origin(field.annotation) is Literal:
        for other in get_args(field.annotation):
            yield str(other), other


def _deciding_keys(world: World) -> list[str]:
    """Boolean config keys that claims name, and one that decides something else."""
    settings = world.hf.config.to_dict()
    boolean = [key for key, value in settings.items() if isinstance(value, bool)]
    named = [key for key in boolean if f"'{key}'" in repr(world.spec.model_dump())]
    return [*named, *[key for key in boolean if key not in named][:1]]


def swap(facet: Facet, one: str, other: str) -> Change:
    """Two keys of a facet with each other's values."""
    values = facet.model_dump(by_alias=True)
    text = f"{one} is {values[other]} and {other} is {values[one]}, the wrong way round"
    exchanged = {one: values[other], other: values[one]}
    return Change(f"{one}-{other}.swapped", text, exchanged)


def swaps(facet: Facet, *keys: str) -> Iterator[Change]:
    """Every two of these keys with each other's values."""
    for one, other in combinations(keys, 2):
        yield swap(facet, one, other)


def redirected(world: World, inside: str, facet: Facet, *keys: str) -> Iterator[Change]:
    """Each key with the path of another module that looks the same, or of none at all."""
    values = facet.model_dump(by_alias=True)
    for key in keys:
        for other in world.lookalikes(values[key], inside)[:1]:
            yield Change(f"{key}.elsewhere", f"{key} is {other}", {key: other})
        other = f"{values[key]}_x"
        yield Change(f"{key}.nowhere", f"{key} is {other}, which HF lacks", {key: other})


@mutates(Spec)
def _spec(spec: Spec, world: World) -> Iterator[Change]:
    other = "gpt2"
    yield Change("model_type.other", f"model_type is {other}", {"model_type": other})


@mutates(Paths)
def _paths(paths: Paths, world: World) -> Iterator[Change]:
    yield from redirected(world, "", paths, *type(paths).model_fields)


@mutates(PreNorm)
def _pre_norm(block: PreNorm, world: World) -> Iterator[Change]:
    yield swap(block, "ln1", "ln2")
    yield from redirected(world, world.layer, block, "ln1", "ln2")


@mutates(ReimplementedAttention)
def _attention(attention: ReimplementedAttention, world: World) -> Iterator[Change]:
    yield from redirected(world, world.layer, attention, "path")


@mutates(SeparateProjections)
def _projections(projections: SeparateProjections, world: World) -> Iterator[Change]:
    inside = f"{world.layer}.{world.spec.attention.path}"
    yield from swaps(projections, "q", "k", "v", "o")
    yield from redirected(world, inside, projections, "q", "k", "v", "o")


@mutates(Heads)
def _heads(heads: Heads, world: World) -> Iterator[Change]:
    yield swap(heads, "query", "key_value")
    text = "key and value heads are counted as query heads"
    yield Change("key_value.query", text, {"key_value": heads.query})
    text = "query heads are counted as key and value heads"
    yield Change("query.key_value", text, {"query": heads.key_value})
    text = "no config key has the head size"
    yield Change("head_dim.none", text, {"head_dim": None})


@mutates(QKNormNames)
def _qk_norm(norms: QKNormNames, world: World) -> Iterator[Change]:
    yield swap(norms, "q", "k")
    inside = f"{world.layer}.{world.spec.attention.path}"
    yield from redirected(world, inside, norms, "q", "k")


@mutates(GatedMlp)
def _gated_mlp(mlp: GatedMlp, world: World) -> Iterator[Change]:
    inside = f"{world.layer}.{mlp.path}"
    yield from redirected(world, world.layer, mlp, "path")
    yield from swaps(mlp, "gate", "in", "out")
    yield from redirected(world, inside, mlp, "gate", "in", "out")


@instead(PerHeadQKNorm)
def _per_head(world: World) -> Iterator[tuple[str, Any]]:
    yield "q_norm", {"per_head": {"q": "q_norm", "k": "k_norm"}}


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


@instead(Invalid)
def _invalid(world: World) -> Iterator[tuple[str, Any]]:
    yield "needlessly", {"invalid": "This mutant says so."}


def _windows(world: World) -> list[str]:
    """Config keys of the tiny model that may hold a window's size."""
    settings = window_settings(world.hf.config)
    return [key for key, value in settings.items() if not isinstance(value, bool)]
