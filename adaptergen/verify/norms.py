"""The norms of a model: TL's bridge of each, and HF's module."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from adaptergen.components.attention.qk_norm import HeadModulesQKNorm
from adaptergen.verify.structure import decided
from adaptergen.verify.subject import Subject


@dataclass(frozen=True)
class Norm:
    """A norm: what HF calls it, where the spec names it, the two modules, and HF's input."""

    shown: str
    layer: int | None
    claim: str
    bridge: Any
    module: nn.Module
    given: Tensor


def norms_of(subject: Subject) -> Iterator[Norm]:
    """The norms of a block, of queries and keys, and the final one.

    Not norms that are several modules, one for each head: TL wraps them as one that is no norm.
    """
    spec = subject.spec
    yield _norm(subject, spec.paths.final_norm, "ln_final", "paths.final_norm", None)
    inside = {role: (name, f"block.{role}") for role, name in spec.block.norms.items()}
    norms, several = spec.attention.qk_norm.norms, HeadModulesQKNorm
    alike = not isinstance(spec.attention.qk_norm, several)
    if norms is not None and alike and decided(subject.hf.config, norms.present):
        for role, name in norms.modules.items():
            inside[f"attn.{role}"] = f"{spec.attention.path}.{name}", "attention.qk_norm"
    for number, layer in subject.layers.items():
        for role, (name, claim) in inside.items():
            yield _norm(subject, f"{layer}.{name}", f"blocks.{number}.{role}", claim, number)


def _norm(subject: Subject, path: str, name: str, claim: str, layer: int | None) -> Norm:
    bridge, module = subject.bridge.get_submodule(name), subject.hf.module(path)
    given = subject.hf.call(path).input
    return Norm(path.rpartition(".")[2], layer, claim, bridge, module, given)
