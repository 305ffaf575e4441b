"""The kind of an MLP, and the roles of its linear layers: gate, input and output."""

from collections.abc import Mapping
from typing import Any

import torch
from transformers.activations import ACT2FN

from adaptergen.infer.anatomy import Anatomy, same
from adaptergen.infer.attention import linears, norm_before
from adaptergen.infer.experts import experts, has_experts
from adaptergen.infer.keys import bias, moved_by, numbers
from adaptergen.infer.world import UnexplainedError, World
from adaptergen.verify import probe
from adaptergen.verify.checks.claims_mlp import overwritten
from adaptergen.verify.components import known_to_tl

Facet = dict[str, Any]


def mlp(world: World, parts: Anatomy) -> Facet:
    """The facet of the MLP as YAML has it.

    Raises:
        UnexplainedError: if it computes something else.
    """
    paths = list(world.below(parts.mlp))
    routed = [path for path in paths if has_experts(world, path)]
    if routed:
        dense = [projected(world, path) for path in paths if path not in routed]
        facet = experts(world, routed[0], dense[0] if dense else None)
        facet = {"kind": "moe", "path": parts.mlp, **facet}
        if dense:
            facet["dense"] = _with_bias(world, paths, dense[0], parts.mlp, routed)
    else:
        _same_in_all(world, paths)
        found = projected(world, paths[0])
        facet = {"kind": found["kind"], "path": parts.mlp, **found}
        facet["bias"] = biases(world, paths[0], found)
        facet |= _width(world, paths[0], found)
        if facet["kind"] == "plain" and overwritten(world.hf, world.layers[0], paths[0]):
            facet["overwritten"] = True
    opaque = sorted(_opaque(world, paths, facet))
    facet |= {"opaque": opaque} if opaque else {}
    return {**facet, "act": activation(world, paths[0])}


def _same_in_all(world: World, paths: list[str]) -> None:
    """Make sure that the MLPs of all layers have the same parameters.

    Raises:
        UnexplainedError: if one has others.
    """
    first, *others = paths
    names = [name for name, _ in world.hf.module(first).named_parameters()]
    for path in others:
        found = [name for name, _ in world.hf.module(path).named_parameters()]
        if found != names:
            odd = next(name for name in (*found, *names) if (name in found) != (name in names))
            holder, lacking = (path, first) if odd in found else (first, path)
            raise UnexplainedError(f"the MLP {holder} has {odd}, which {lacking} lacks")


def projected(world: World, path: str) -> Facet:
    """The kind of an MLP without experts, and its linear layers by role.

    Raises:
        UnexplainedError: if its linear layers compute something else.
    """
    names = linears(world, path)
    returned = world.hf.call(path).value
    outs = [n for n in names if same(world.hf.call(f"{path}.{n}").value, returned)]
    if len(outs) != 1:
        raise UnexplainedError(f"no linear layer returns what {path} returns")
    (out,) = outs
    inner = [name for name in names if name != out]
    norm = norm_before(world, path, out)
    reader = f"{path}.{norm or out}"
    if len(inner) == 2:
        for gate, up in (inner, inner[::-1]):
            if probe.gated_by(
                world.hf, path, (f"{path}.{gate}", None), (f"{path}.{up}", None), reader
            ):
                found = {"kind": "gated", "gate": gate, "in": up, "out": out}
                return {**found, "norm_before_out": norm} if norm else found
    if len(inner) == 1 and norm is None:
        into = f"{path}.{inner[0]}"
        if probe.hidden_by_element(world.hf, path, into, reader):
            return {"kind": "plain", "in": inner[0], "out": out}
        halves = torch.arange(world.hf.call(into).value.shape[-1]).chunk(2)
        for word, (one, other) in (("gate", halves), ("in", halves[::-1])):
            if probe.gated_by(world.hf, path, (into, one), (into, other), reader):
                found = {"kind": "fused_gated", "gate_in": inner[0], "out": out}
                return {**found, "first": word} if word == "in" else found
    raise UnexplainedError(f"no facet describes the MLP {path}: linear layers {', '.join(names)}")


def biases(world: World, path: str, found: Mapping[str, Any]) -> Facet:
    """The deciding value of each linear layer's bias, by role."""
    roles = {role: found[role] for role in ("gate", "in", "gate_in", "out") if role in found}
    return {role: bias(world, f"{path}.{name}") for role, name in roles.items()}


def _with_bias(
    world: World, paths: list[str], found: Mapping[str, Any], name: str, routed: list[str]
) -> Facet:
    """The projections of layers without experts, with the one value that decides their biases."""
    if found["kind"] != "gated":
        raise UnexplainedError(f"layers without experts have a {found['kind']} MLP")
    path = next(path for path in paths if path not in routed)
    values = set(biases(world, path, found).values())
    if len(values) != 1:
        raise UnexplainedError(f"different keys decide the biases of {path}")
    return {**{role: found[role] for role in ("gate", "in", "out")}, "bias": values.pop()}


def _width(world: World, path: str, found: Mapping[str, Any]) -> Facet:
    """Where the number of hidden neurons is, if TL does not know it."""

    def read(other: World) -> int:
        return int(other.hf.call(f"{path}.{found['out']}").input.shape[-1])

    width = read(world)
    if known_to_tl(world.architecture, world.hf.model).d_mlp == width:
        return {}
    keys = [key for key in numbers(world.values) if world.values[key] == width]
    # Fused halves want an even number.
    key = moved_by(world, keys, (width + 8,), lambda other, number: read(other) == number)
    return {"width": key} if key else {"measured": True}


def _opaque(world: World, paths: list[str], facet: Mapping[str, Any]) -> set[str]:
    """Parts with parameters that no key of the facet names."""
    strings = {key: value for key, value in facet.items() if isinstance(value, str)}
    named = {value for key, value in strings.items() if key not in ("kind", "path")}
    dense, shared = facet.get("dense", {}), facet.get("shared", {})
    named |= {value for value in dense.values() if isinstance(value, str)}
    # The linear layers of the shared expert are all that it has.
    named |= {shared[key] for key in ("path", "mix") if key in shared}
    left = set()
    for path in paths:
        for name, _ in world.hf.module(path).named_parameters():
            if not any(name == part or name.startswith(f"{part}.") for part in named):
                left.add(name.partition(".")[0])
    return left


def activation(world: World, path: str) -> str | None:
    """The config key that names the activation of an MLP."""
    call = world.hf.call(path)
    for key, value in world.values.items():
        if not isinstance(value, str) or value not in ACT2FN:
            continue
        other = world.under({key: "relu" if value != "relu" else "gelu"})
        if other is None or not _alike(world, other):
            # An activation with parameters is a part of its own.
            continue
        with torch.no_grad():
            moved = other.hf.rerun(path, call)
        if probe.changed(moved.value, call.value):
            return key
    return None


def _alike(world: World, other: World) -> bool:
    """Whether two models have the same parameters."""
    one, two = (w.hf.model.state_dict() for w in (world, other))
    return {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in two.items()}
