"""Tiny models to look at, built once: those of bundled specs, and variants of them made odd."""

from collections.abc import Callable
from functools import cache, lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from adaptergen.infer.anatomy import Anatomy, anatomy
from adaptergen.infer.attention import Projections, projections
from adaptergen.infer.left_to_hf import blaming
from adaptergen.infer.proof import with_changes
from adaptergen.infer.shrink import shrunk
from adaptergen.infer.source import source
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.spec.compare import differences
from adaptergen.spec.model import Spec
from adaptergen.verify.hf import hf_class, own_class
from tests.verify.conftest import load

Change = Callable[[Any], None]

_NUMBERS = count()


def as_it_is(_: Any) -> None:
    """Change nothing."""


def refusal(look: Callable[[], Any]) -> str:
    """Why something is not explained, as `infer` says it."""
    with pytest.raises(UnexplainedError) as refused, blaming(""):
        look()
    return str(refused.value)


# Each keeps all that was seen of it.
@lru_cache(maxsize=8)
def tiny(name: str) -> TinyModel:
    """The tiny model of a bundled spec."""
    spec = load(name).spec
    return TinyModel(spec.architecture, spec.tiny)


@cache
def published(name: str) -> TinyModel:
    """A small model of the code in that folder, which is like nothing in transformers."""
    meant = source(str(Path(__file__).parent / name), trust_remote_code=True)
    return shrunk(meant.architecture, meant.given, {})


def spec_of(name: str) -> Spec:
    return load(name).spec


def changed(name: str, path: str, value: Any) -> Spec:
    """A bundled spec with another value at a dotted path."""
    tree = spec_of(name).model_dump(by_alias=True)
    *above, last = path.split(".")
    inner = tree
    for key in above:
        inner = inner[key]
    inner[last] = value
    return Spec.model_validate(tree)


@cache
def parts(name: str) -> Anatomy:
    return anatomy(tiny(name))


def attention(name: str) -> str:
    """Path of attention in the first layer."""
    return f"{tiny(name).layers[0]}.{spec_of(name).attention.path}"


@cache
def projected(name: str) -> Projections:
    """The projections of attention."""
    return projections(tiny(name), attention(name))


def odd(
    layer: Change,
    base: str = "llama",
    *,
    config: Change = as_it_is,
    model: Change = as_it_is,
) -> TinyModel:
    """The tiny model of a bundled spec as a class of its own, with layers and whole changed."""
    name = f"Odd{next(_NUMBERS)}ForCausalLM"
    spec = load(base).spec
    cls = hf_class(spec.architecture)

    def build(self: Any, given: Any) -> None:
        config(given)
        cls.__init__(self, given)
        for block in self.get_decoder().layers:
            layer(block)
        model(self)

    own_class(type(name, (cls,), {"__init__": build}))
    return TinyModel(name, spec.tiny)


def first_only(change: Change) -> Change:
    """A change of the first layer it is applied to in each model, which has four."""
    seen = iter(range(10**6))

    def apply(block: Any) -> None:
        if next(seen) % 4 == 0:
            change(block)

    return apply


def added(module: Any, act: Callable[[Any, Any, Any], Any]) -> None:
    """Let a module return what `act` makes of it, its input and its output."""

    def hook(owner: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        given = args[0] if args else kwargs["hidden_states"]
        return act(owner, given, output)

    module.register_forward_hook(hook, with_kwargs=True)


def unlike(name: str, **facets: Any) -> dict[str, tuple[Any, Any]]:
    """Where a bundled spec says something else than these facets, as YAML has them: nothing."""
    tree = spec_of(name).model_dump(by_alias=True)
    inner = facets.pop("inside_attention", {})
    if inner:
        facets["attention"] = {**tree["attention"], **inner}
    found = with_changes(spec_of(name), **facets)
    return {d.path: (d.left, d.right) for d in differences(spec_of(name), found)}
