"""Mixtures of experts, recognised by running them."""

import torch
from torch import Tensor, nn

from adaptergen.components.mlp.infer import Facet, MlpInference, projected, several
from adaptergen.infer.attention import linears
from adaptergen.infer.keys import bias, moved_by, numbers
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.verify import probe
from adaptergen.verify.check import largest_difference
from adaptergen.verify.once import MissingError
from adaptergen.verify.routing import routed

_COUNTS = (7, 5)
# Roles of the linear layers of a gated MLP.
_GATED = ("gate", "in", "out")


class Inference(MlpInference):
    """Weights of several matrices in one tensor are experts, and so are modules in a list."""

    def propose(self, tiny: TinyModel, paths: list[str]) -> Facet | None:
        """Router, experts and what is beside them, and the layers without experts."""
        routed = [path for path in paths if _has_experts(tiny, path)]
        if not routed:
            return None
        facet = experts(tiny, routed[0])
        without = [path for path in paths if path not in routed]
        described = [_gated(tiny, path) for path in without]
        return {**facet, "dense": described[0]} if described else facet

    def named(self, facet: Facet) -> set[str]:
        """The linear layers of the shared expert are all that it has."""
        dense, shared = facet.get("dense", {}), facet.get("shared", {})
        beside = {shared[key] for key in ("path", "mix") if key in shared}
        return super().named(facet) | super().named(dense) | beside


def _has_experts(tiny: TinyModel, path: str) -> bool:
    """Whether a module holds experts: weights of three dimensions, or a list of modules."""
    return several(tiny, path) or bool(_lists(tiny, path))


def _gated(tiny: TinyModel, path: str) -> Facet:
    """Gate, input and output of a layer without experts, and the value that decides their biases.

    Raises:
        UnexplainedError: if its MLP is of another kind.
    """
    found = projected(tiny, path)
    if found.keys() != {"kind", *_GATED}:
        raise UnexplainedError(f"layers without experts have a {found['kind']} MLP")
    return {**{role: found[role] for role in _GATED}, "bias": _bias(tiny, path, found)}


def _bias(tiny: TinyModel, path: str, found: Facet) -> bool | str:
    values = {bias(tiny, f"{path}.{found[role]}") for role in _GATED}
    if len(values) != 1:
        raise UnexplainedError(f"different keys decide the biases of {path}")
    return values.pop()


def experts(tiny: TinyModel, path: str) -> Facet:
    """Router, experts, count, and the shared expert of a routed MLP.

    Raises:
        UnexplainedError: if it computes something else.
    """
    children = {
        name: child
        for name, child in tiny.hf.module(path).named_children()
        if f"{path}.{name}" in tiny.hf.seen.calls
    }
    lists = _lists(tiny, path)
    holds = [n for n, c in children.items() if any(p.ndim == 3 for p in c.parameters())] + lists
    routers = [name for name in children if _routes(tiny, f"{path}.{name}", lists)]
    if len(holds) != 1 or len(routers) != 1:
        returned = "logits" if lists else "logits, weights and numbers of experts"
        raise UnexplainedError(
            f"{path} should have one router, which returns {returned},"
            f" and one module of experts; found {routers or 'no router'} and {holds or 'none'}"
        )
    # The modules of a list run one by one, and no hook shows all.
    facet: Facet = {"router": routers[0], "experts": None if lists else holds[0]}
    facet["count"] = _count(tiny, f"{path}.{holds[0]}")
    rest = [n for n, c in children.items() if n not in (*routers, *holds) and list(c.parameters())]
    shared = _shared(tiny, path, _beside(tiny, path, holds[0]), rest)
    return {**facet, "shared": shared} if shared else facet


def _lists(tiny: TinyModel, path: str) -> list[str]:
    """Names of lists of modules with parts, such as experts are."""
    return [
        name
        for name, part in tiny.hf.module(path).named_children()
        if isinstance(part, nn.ModuleList) and len(part) > 1 and list(part[0].children())
    ]


def _routes(tiny: TinyModel, path: str, lists: list[str]) -> bool:
    """Whether a module returns what chooses experts; those in a list, the module around them."""
    output = tiny.hf.call(path).output
    if not isinstance(output, Tensor | tuple):
        return False
    try:
        found = routed(output)
    except MissingError:
        return False
    if found.experts is not None:
        return True
    around = tiny.hf.module(path.rpartition(".")[0])
    return any(found.logits.shape[-1] == len(around.get_submodule(name)) for name in lists)


def _count(tiny: TinyModel, path: str) -> str:
    def number(other: TinyModel) -> int:
        held = other.hf.module(path)
        return len(held if isinstance(held, nn.ModuleList) else next(iter(held.parameters())))

    found = number(tiny)
    keys = [key for key in numbers(tiny.values) if tiny.values[key] == found]
    key = moved_by(tiny, keys, _COUNTS, lambda other, n: number(other) == n)
    if key is None:
        raise UnexplainedError(f"no config key gives the {found} experts of {path}")
    return key


def _beside(tiny: TinyModel, path: str, held: str) -> Tensor:
    """What a routed MLP returns besides the output of the experts held by one of its modules."""
    inside, total = tiny.hf.module(f"{path}.{held}"), tiny.hf.call(path).value
    if not isinstance(inside, nn.ModuleList):
        return total - tiny.hf.call(f"{path}.{held}").value.reshape(total.shape)
    silent = {f"{path}.{held}.{number}": torch.zeros_like for number in range(len(inside))}
    return probe.run_edited(tiny.hf, path, silent)


def _shared(tiny: TinyModel, path: str, beside: Tensor, rest: list[str]) -> Facet | None:
    """The facet of the MLP that every token passes beside the experts; None without one."""
    total = tiny.hf.call(path).value
    if largest_difference(beside, torch.zeros_like(beside)) < probe.NOISE:
        return None
    mixes = [n for n in rest if isinstance(tiny.hf.module(f"{path}.{n}"), nn.Linear)]
    parts = [n for n in rest if n not in mixes]
    for name in parts:
        value = tiny.hf.call(f"{path}.{name}").value.reshape(total.shape)
        gates = [None, *mixes]
        for mix in gates:
            factor = _sigmoid(tiny, f"{path}.{mix}", total) if mix else 1.0
            if largest_difference(beside, factor * value) < probe.NOISE:
                return _described(tiny, path, name, mix)
    raise UnexplainedError(f"{path} adds to its experts what no facet describes")


def _sigmoid(tiny: TinyModel, path: str, like: Tensor) -> Tensor:
    value = tiny.hf.call(path).value.sigmoid()
    return value.reshape(*like.shape[:-1], value.shape[-1])


def _described(tiny: TinyModel, path: str, name: str, mix: str | None) -> Facet:
    inner = f"{path}.{name}"
    found = projected(tiny, inner)
    if found.keys() != {"kind", *_GATED} or len(linears(tiny, inner)) != 3:
        raise UnexplainedError(f"{inner} is not a gated MLP")
    roles = {role: found[role] for role in _GATED}
    facet = {"path": name, **roles, "bias": _bias(tiny, inner, found)}
    return {**facet, "mix": mix} if mix else facet
