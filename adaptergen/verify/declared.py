"""HF's modules and parameters that a spec declares, each with its claim."""

from collections.abc import Iterable, Iterator
from typing import Any

from adaptergen.components.attention.probe import probe_of as attention_of
from adaptergen.components.attention.qk_norm import HeadModulesQKNorm
from adaptergen.components.mlp.probe import probe_of as mlp_of
from adaptergen.components.side_mlp.probe import side_parameters
from adaptergen.language.values import UNLESS
from adaptergen.spec.leaves import claims, keys_named
from adaptergen.spec.model import Spec
from adaptergen.verify.heads import head_counts
from adaptergen.verify.structure import Structure, decided


def linear_layers(spec: Spec) -> dict[str, str]:
    """Paths below a block of the linear layers that every block has, by claim."""
    mlp = spec.mlp
    found = attention_of(spec.attention).linear_layers()
    return found | {f"mlp.{role}": f"{mlp.path}.{name}" for role, name in mlp.modules.items()}


def biases(spec: Spec) -> dict[str, tuple[str, bool | str]]:
    """Path below a block and deciding value of each bias, by the claim that decides it."""
    mlp, found = spec.mlp, attention_of(spec.attention).biases()
    for role, value in mlp.biases.items():
        found[f"mlp.bias.{role}"] = f"{mlp.path}.{mlp.modules[role]}", value
    return found


def conditions(spec: Spec, config: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Config keys with the other value that decides otherwise, and the claim that names them.

    What is decided by a key that is not just on or off is so too: HF has models with it on and off.
    """
    deciding = {leaf.value for leaf in claims(spec) if leaf.decides}
    under = [layout_keys(spec, number, config) for number in range(len(spec.layouts))]
    for key, claim in keys_named(spec).items():
        value = getattr(config, key, None)
        if {key, f"{UNLESS}{key}"} & spec.refused.keys():
            continue
        if isinstance(value, bool):
            number = next((n for n in range(len(under)) if claim == f"layouts.{n}.when"), None)
            yield {**(under[number] if number is not None else {}), key: not value}, claim
        elif key in deciding:
            yield {key: type(value)() if value else True}, claim
    yield from attention_of(spec.attention).conditions()
    for number, layout in enumerate(spec.layouts):
        for key, excluded in layout.unless.items():
            yield {**under[number], key: excluded}, f"layouts.{number}.unless"
            if getattr(config, key, None) == excluded:
                yield under[number], f"layouts.{number}.when"


def layout_keys(spec: Spec, number: int, config: Any) -> dict[str, Any]:
    """Config keys with values under which blocks have the layout of that number.

    The first layout that is on counts, unless one of its further keys has the excluded number.
    """
    layout = spec.layouts[number]
    others = layout.unless.items()
    excluded = {key: None for key, value in others if getattr(config, key, None) == value}
    earlier = {before.when: False for before in spec.layouts[:number]}
    return {**earlier, **excluded, layout.when: True}


def accepted(spec: Spec, models: Iterable[Structure]) -> Iterator[Structure]:
    """Those of the models that the adapter does not refuse."""
    for built in models:
        if not any(decided(built.config, key) for key in spec.refused):
            yield built


def parameters(spec: Spec, built: Structure) -> dict[str, str]:
    """Names of all parameters that the spec leads to under a config, with the claims that do."""
    top, config = spec.paths, built.config
    names = {f"{top.embed}.weight": "paths.embed", f"{top.unembed}.weight": "paths.unembed"}
    if decided(config, spec.unembed_bias):
        names[f"{top.unembed}.bias"] = "unembed_bias"
    names |= dict.fromkeys(parameters_of_norm(spec, top.final_norm), "paths.final_norm")
    if spec.embedding_norm is not None:
        names |= dict.fromkeys(parameters_of_norm(spec, spec.embedding_norm), "embedding_norm")
    below = dict(_of_block(spec, config))
    for number in range(built.layers(top.blocks)):
        layer = f"{top.blocks}.{number}"
        names |= {f"{layer}.{name}": claim for name, claim in below.items()}
        names |= mlp_of(spec.mlp).parameters(f"{layer}.{spec.mlp.path}", built)
        names |= built.below(layer, spec.opaque, "opaque")
        if spec.side_mlp is not None:
            names |= side_parameters(spec.side_mlp, layer)
        names |= attention_of(spec.attention).opaque_parameters(layer, built)
    return names


def _of_block(spec: Spec, config: object) -> Iterator[tuple[str, str]]:
    """Names below a block, with the claims that lead to them."""
    attention = spec.attention
    for role, name in spec.block.norms.items():
        yield from ((parameter, f"block.{role}") for parameter in parameters_of_norm(spec, name))
    yield from ((f"{path}.weight", claim) for claim, path in linear_layers(spec).items())
    for claim, (path, value) in biases(spec).items():
        if decided(config, value):
            yield f"{path}.bias", claim
    norms = attention.qk_norm.norms
    if norms is not None and decided(config, norms.present):
        for role, name in (("q", norms.q), ("k", norms.k)):
            for parameter in _of_head_norm(spec, role, f"{attention.path}.{name}", config):
                yield parameter, "attention.qk_norm"
    if attention.sinks is not None:
        yield f"{attention.path}.{attention.sinks}", "attention.sinks"
    yield from attention_of(attention).parameters(spec, config)


def _of_head_norm(spec: Spec, role: str, path: str, config: object) -> list[str]:
    if not isinstance(spec.attention.qk_norm, HeadModulesQKNorm):
        return parameters_of_norm(spec, path)
    query, key_value = head_counts(config, spec)
    return [f"{path}.norms.{i}.weight" for i in range(query if role == "q" else key_value)]


def parameters_of_norm(spec: Spec, path: str) -> list[str]:
    """Names of the parameters of a norm."""
    kinds = {"weight": spec.norm.weight != "none", "bias": spec.norm.bias}
    return [f"{path}.{kind}" for kind, exists in kinds.items() if exists]
