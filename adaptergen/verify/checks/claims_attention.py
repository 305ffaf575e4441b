"""Do projections, query and key norms and the MLP play the parts that the spec gives them?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from adaptergen.spec.attention import NoQKNorm
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.stages import head_dim
from adaptergen.verify.subject import Subject

_POSITION = 1


@check("claims.projections", "Queries, keys, values and output are the projections named so.")
def projections(subject: Subject) -> Iterator[Evidence]:
    """Changes one token in one projection's output and looks at what attention does with it.

    A query changes its own row of the pattern, a key the rows after it, a value no row, and the
    output projection's result is what attention returns.
    """
    spec = subject.spec.attention
    for number, path in subject.below(spec.path):
        for role, name in spec.projections.modules.items():
            found = _part_played(subject, path, f"{path}.{name}")
            text = f"HF's {name} plays the part of {found or 'none of them'}, the spec says {role}"
            yield Fact(found == role, text, number, f"attention.projections.{role}")


def _part_played(subject: Subject, attention: str, projection: str) -> str:
    """Which of q, k, v and o a projection is, or nothing."""
    output, pattern = probe.attend(subject.hf, attention, {})
    edited, new_pattern = probe.attend(subject.hf, attention, {projection: _disturb})
    rows = (new_pattern - pattern).abs().amax(dim=(0, 1, 3)) > 0
    moved = (edited - output).abs().amax(dim=(0, 2)) > 0
    if rows.any():
        return "q" if rows.nonzero().flatten().tolist() == [_POSITION] else "k"
    if moved.nonzero().flatten().tolist() == [_POSITION]:
        return "o"
    return "v" if moved.any() else ""


def _disturb(value: Tensor) -> Tensor:
    """Change what a projection [batch, pos, width] returns for one token."""
    result = value.clone()
    result[:, _POSITION] += torch.linspace(-2, 3, value.shape[-1], dtype=value.dtype)
    return result


@check("claims.qk_norm", "Queries and keys are normalised as declared.", claim="attention.qk_norm")
def qk_norm(subject: Subject) -> Iterator[Evidence]:
    """A norm makes the pattern blind to the scale of what a projection returns."""
    spec = subject.spec.attention
    wanted = "no norm" if isinstance(spec.qk_norm, NoQKNorm) else "a norm of each head"
    for number, path in subject.below(spec.path):
        size = head_dim(subject.hf, subject.spec, subject.layers[number])
        for role in ("q", "k"):
            name = spec.projections.modules[role]
            found = _norm_behind(subject, path, f"{path}.{name}", size)
            text = f"HF has {found} behind {name}, the spec says {wanted}"
            yield Fact(found == wanted, text, number)


def _norm_behind(subject: Subject, attention: str, projection: str, size: int) -> str:
    _, pattern = probe.attend(subject.hf, attention, {})

    def blind_to(edit: probe.Edit) -> bool:
        _, edited = probe.attend(subject.hf, attention, {projection: edit})
        return bool((edited - pattern).abs().max() < 1e-3)

    def first_head(value: Tensor) -> Tensor:
        return torch.cat((3 * value[..., :size], value[..., size:]), dim=-1)

    if not blind_to(probe.times(3.0)):
        return "no norm"
    return "a norm of each head" if blind_to(first_head) else "a norm of all heads together"


@check("claims.mlp", "The gate passes through the activation, the input does not.")
def mlp(subject: Subject) -> Iterator[Evidence]:
    """A gated MLP is linear in its input projection and not in its gate."""
    spec = subject.spec.mlp
    for number, path in subject.below(spec.path):
        gate, up = f"{path}.{spec.gate}", f"{path}.{spec.in_}"
        reversed_ = probe.gated_by(subject.hf, path, up, gate)
        text = f"in HF {spec.in_} is the gate, and {spec.gate} the input"
        yield Fact(not reversed_, text, number, "mlp.gate")
        gated = reversed_ or probe.gated_by(subject.hf, path, gate, up)
        text = f"HF's MLP is not act({spec.gate}(x)) * {spec.in_}(x)"
        yield Fact(gated, text, number, "mlp.kind")
