"""A mixture of experts: router, experts, and what every token passes through beside them."""

from typing import Any

import torch
from torch import Tensor, nn

from adaptergen.infer.attention import linears
from adaptergen.infer.keys import moved_by, numbers
from adaptergen.infer.world import UnexplainedError, World
from adaptergen.verify import probe
from adaptergen.verify.check import largest_difference

Facet = dict[str, Any]
_COUNTS = (7, 5)


def experts(world: World, path: str, dense: Facet | None) -> Facet:
    """Router, experts, count, and the shared expert of a routed MLP.

    Raises:
        UnexplainedError: if it computes something else.
    """
    children = {
        name: child
        for name, child in world.hf.module(path).named_children()
        if f"{path}.{name}" in world.hf.seen.calls
    }
    holds = [n for n, c in children.items() if any(p.ndim == 3 for p in c.parameters())]
    routers = [name for name in children if _routes(world, f"{path}.{name}")]
    if len(holds) != 1 or len(routers) != 1:
        raise UnexplainedError(
            f"{path} should have one router, which returns logits, weights and numbers of experts,"
            f" and one module of experts; found {routers or 'no router'} and {holds or 'none'}"
        )
    facet: Facet = {"router": routers[0], "experts": holds[0]}
    facet["count"] = _count(world, f"{path}.{holds[0]}")
    rest = [n for n, c in children.items() if n not in (*routers, *holds) and list(c.parameters())]
    shared = _shared(world, path, facet, rest)
    return {**facet, "shared": shared} if shared else facet


def _routes(world: World, path: str) -> bool:
    output = world.hf.call(path).output
    if not isinstance(output, tuple) or len(output) != 3:
        return False
    kinds = [isinstance(part, Tensor) and part.is_floating_point() for part in output]
    return kinds == [True, True, False]


def _count(world: World, path: str) -> str:
    def number(other: World) -> int:
        return len(next(iter(other.hf.module(path).parameters())))

    found = number(world)
    keys = [key for key in numbers(world.values) if world.values[key] == found]
    key = moved_by(world, keys, _COUNTS, lambda other, n: number(other) == n)
    if key is None:
        raise UnexplainedError(f"no config key gives the {found} experts of {path}")
    return key


def _shared(world: World, path: str, facet: Facet, rest: list[str]) -> Facet | None:
    """The facet of the MLP that every token passes beside the experts; None without one."""
    total = world.hf.call(path).value
    beside = total - world.hf.call(f"{path}.{facet['experts']}").value.reshape(total.shape)
    if largest_difference(beside, torch.zeros_like(beside)) < probe.NOISE:
        return None
    mixes = [n for n in rest if isinstance(world.hf.module(f"{path}.{n}"), nn.Linear)]
    parts = [n for n in rest if n not in mixes]
    for name in parts:
        value = world.hf.call(f"{path}.{name}").value.reshape(total.shape)
        gates = [None, *mixes]
        for mix in gates:
            factor = _sigmoid(world, f"{path}.{mix}", total) if mix else 1.0
            if largest_difference(beside, factor * value) < probe.NOISE:
                return _described(world, path, name, mix)
    raise UnexplainedError(f"{path} adds to its experts what no facet describes")


def _sigmoid(world: World, path: str, like: Tensor) -> Tensor:
    value = world.hf.call(path).value.sigmoid()
    return value.reshape(*like.shape[:-1], value.shape[-1])


def _described(world: World, path: str, name: str, mix: str | None) -> Facet:
    from adaptergen.infer.mlp import biases, projected

    inner = f"{path}.{name}"
    found = projected(world, inner)
    if found["kind"] != "gated" or len(linears(world, inner)) != 3:
        raise UnexplainedError(f"{inner} is not a gated MLP")
    decisive = set(biases(world, inner, found).values())
    if len(decisive) != 1:
        raise UnexplainedError(f"different keys decide the biases of {inner}")
    facet = {"path": name, "gate": found["gate"], "in": found["in"], "out": found["out"]}
    facet["bias"] = decisive.pop()
    return {**facet, "mix": mix} if mix else facet
