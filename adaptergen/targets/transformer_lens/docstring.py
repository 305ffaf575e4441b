"""Facts about an architecture for the docstring of its adapter."""

from typing import Any, NamedTuple

from adaptergen.language.values import UNLESS, setting
from adaptergen.spec.model import Spec


class OptionalParameter(NamedTuple):
    """A parameter of TL's naming that a state dict may lack, and why."""

    name: str
    reason: str


def said(spec: Spec) -> dict[str, Any]:
    """The docstring as templates print it."""
    return {
        "title": spec.name,
        "summary": spec.summary,
        "notes": spec.notes,
        "facts": _facts(spec),
        "optional_parameters": _optional_parameters(spec),
    }


def _facts(spec: Spec) -> list[str]:
    attention = spec.attention
    return [
        f"Norms: {spec.norm.title}.",
        spec.block.fact,
        *(
            other.block.fact.replace("Block:", f"Block {other.condition}:")
            for other in spec.layouts
        ),
        *attention.facts,
        spec.mlp.fact,
        *([spec.side_mlp.fact] if spec.side_mlp else []),
        *spec.multipliers.facts,
        *([spec.hatch.fact] if spec.hatch else []),
        *([f"Needs transformers {spec.since} or later."] if spec.since else []),
        *(f"Refused where {setting(key)}: {why}" for key, why in spec.refused.items()),
        _tying(spec.tied_embeddings),
    ]


def _tying(tied: bool | str) -> str:
    if isinstance(tied, str):
        return f"Embeddings: the unembedding is the embedding's weight where {setting(tied)}."
    shared = "is the embedding's weight" if tied else "has a weight of its own"
    return f"Embeddings: the unembedding {shared}."


def _optional_parameters(spec: Spec) -> list[OptionalParameter]:
    found = [
        *(_optional(f"blocks.{{i}}.attn.b_{role.upper()}", decided)
          for role, decided in spec.attention.biases.items()),
        *(_optional(f"blocks.{{i}}.mlp.b_{role}", decided)
          for role, decided in spec.mlp.biases.items()),
        _optional("unembed.b", spec.unembed_bias),
    ]  # fmt: skip
    absent = [] if spec.norm.bias else ["b"]
    absent += ["w"] if spec.norm.weight == "none" else []
    norms = [*(f"blocks.{{i}}.{role}" for role in spec.block.norms), "ln_final"]
    said = "has no weight and no bias" if len(absent) == 2 else "has no bias"
    reason = f"{'RMSNorm' if spec.norm.kind == 'rms' else 'this LayerNorm'} {said}"
    return [parameter for parameter in found if parameter] + [
        OptionalParameter(f"{norm}.{name}", reason) for norm in norms for name in absent
    ]


def _optional(name: str, decided: bool | str) -> OptionalParameter | None:
    if decided is True:
        return None
    if decided is False:
        return OptionalParameter(name, "never present")
    key = decided.removeprefix(UNLESS)
    said = f"present unless `config.{key}`" if key != decided else f"`config.{key}` decides"
    return OptionalParameter(name, said)
