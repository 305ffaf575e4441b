"""Do projections and query and key norms play the parts that the spec gives them?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.heads import rows
from adaptergen.verify.structure import decided
from adaptergen.verify.subject import Subject

_POSITION = 1


@check("claims.projections", "Queries, keys, values and output are the projections named so.")
def projections(subject: Subject) -> Iterator[Evidence]:
    """Changes one token in one projection's output and looks at what attention does with it."""
    spec = subject.reimplemented
    for number, layer in subject.layers.items():
        parts = rows(subject.hf, subject.spec, layer)
        for role in ("q", "k", "v", "o"):
            name = spec.projections.module_of(role)
            edit = _disturb if role == "o" else probe.at(parts[role].flatten(), _disturb)
            path = f"{layer}.{spec.path}"
            found = probe.part_played(subject.hf, path, f"{path}.{name}", edit, _POSITION)
            text = f"HF's {name} plays the part of {found or 'none of them'}, the spec says {role}"
            claim = role if role in spec.projections.modules else "layout"
            yield Fact(found == role, text, number, f"attention.projections.{claim}")


def _disturb(value: Tensor) -> Tensor:
    """Change what a projection [batch, pos, width] returns for one token."""
    result = value.clone()
    result[:, _POSITION] += torch.linspace(-2, 3, value.shape[-1], dtype=value.dtype)
    return result


@check("claims.qk_norm", "Queries and keys are normalised as declared.", claim="attention.qk_norm")
def qk_norm(subject: Subject) -> Iterator[Evidence]:
    """A norm makes the pattern blind to the scale of what a projection returns."""
    spec = subject.reimplemented
    norms = spec.qk_norm.norms
    there = norms is not None and decided(subject.hf.config, norms.present)
    wanted = spec.qk_norm.extent if there else "no norm"
    for number, layer in subject.layers.items():
        parts = rows(subject.hf, subject.spec, layer)
        for role in ("q", "k"):
            path = f"{layer}.{spec.path}"
            name = spec.projections.module_of(role)
            found = _norm_behind(subject, path, f"{path}.{name}", parts[role])
            text = f"HF has {found} behind {name}, the spec says {wanted}"
            yield Fact(found == wanted, text, number)


def _norm_behind(subject: Subject, attention: str, projection: str, heads: Tensor) -> str:
    _, pattern = probe.attend(subject.hf, attention, {})

    def blind_to_scale(at: Tensor) -> bool:
        edit = probe.at(at.flatten(), probe.times(3.0))
        _, edited = probe.attend(subject.hf, attention, {projection: edit})
        return bool((edited - pattern).abs().max() < 1e-3)

    if not blind_to_scale(heads):
        return "no norm"
    # A single head is all heads together.
    single = len(heads) == 1
    if single or blind_to_scale(heads[0]):
        return "a norm of each head"
    return "a norm of all heads together"
