"""Does a module in a hook point's place take part in the computation, as SAELens puts its SAEs?

No hook is attached to anything then: the module itself stands where TL looks for a hook point.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import ROUNDED, Difference, Evidence, Fact, check, largest_difference
from adaptergen.verify.subject import Subject

_FACTOR = 1.25


@check("use.spliced", "A module in a hook point's place acts as the same edit by a hook does.")
def spliced(subject: Subject) -> Iterator[Evidence]:
    """At every hook of the first layer and of the final norm that fires.

    Each alone on the logits, all on the gradient. Norms of layers have hooks of TL's beside these,
    the final one has none. That edits by hooks act as in HF is what `interventions` shows. Inside
    of norms, which TL takes apart for edits alone, those here are made in place.
    """
    subject.require_pass()
    bridge, ids, names = subject.bridge, subject.few_ids, _names(subject)
    owners = (bridge.blocks[0], bridge.ln_final)
    fired = [place for owner in owners for place in _places(owner) if place.point in names]
    for place in fired:
        name = names[place.point]
        with torch.no_grad(), _hooked([place], in_place=place.inside_norm):
            wanted = bridge(ids)
        with torch.no_grad(), _put([place]) as (scaling,):
            found = bridge(ids)
        yield Fact(scaling.ran, f"what is put in the place of {name} does not run")
        against = ", against an edit in place," if place.inside_norm else ""
        text = f"the output with a module in the place of {name}{against}"
        yield Difference(text, largest_difference(found, wanted), tolerance=place.tolerance)
    with _hooked(fired) as scalings:
        wanted_gradients = _gradients(bridge, ids, scalings)
    with _put(fired) as scalings:
        gradients = _gradients(bridge, ids, scalings)
    for place, ours, theirs in zip(fired, gradients, wanted_gradients, strict=True):
        text = f"the gradient through a module in the place of {names[place.point]}"
        yield Difference(text, largest_difference(ours, theirs), tolerance=ROUNDED)


@dataclass(frozen=True)
class _Place:
    """A hook point, and the module and attribute that hold it."""

    owner: nn.Module
    attribute: str
    point: HookPoint

    @property
    def inside_norm(self) -> bool:
        """Whether TL takes a norm apart for it."""
        return self.attribute in ("hook_scale", "hook_normalized")

    @property
    def tolerance(self) -> float | None:
        """TL computes norms in another order where they are taken apart."""
        return ROUNDED if self.inside_norm else None


class _Scaling(nn.Module):
    """A module that multiplies by a learned number, as little like a hook point as an SAE is."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(_FACTOR, dtype=torch.float64))
        self.ran = False

    def forward(self, value: Tensor) -> Tensor:
        self.ran = True
        # Scores of what is out of sight may be infinite: times 0, their gradient is no number.
        finite = value.isfinite()
        scaled = value.masked_fill(~finite, 0.0) * self.factor.to(value.dtype)
        return scaled.where(finite, value)


def _names(subject: Subject) -> dict[HookPoint, str]:
    """The hook points that fire in the first layer and in the final norm, with a name of each."""
    existing, fired = subject.bridge.hook_dict, subject.trace.values
    last = [name for name in fired if name.startswith("ln_final.") and name in existing]
    return {**subject.first_points, **{existing[name]: name for name in last}}


def _places(module: nn.Module) -> Iterator[_Place]:
    """Where each hook point of a layer or norm is."""
    for owner in module.modules():
        for attribute, point in owner.named_children():
            if isinstance(point, HookPoint):
                yield _Place(owner, attribute, point)


@contextmanager
def _hooked(places: Sequence[_Place], *, in_place: bool = False) -> Iterator[list[_Scaling]]:
    """While active, hooks scale what the points are handed."""
    scalings = [_Scaling() for _ in places]
    with ExitStack() as stack:
        for place, scaling in zip(places, scalings, strict=True):
            edit = partial(_edit_in_place if in_place else _edit, scaling)
            stack.enter_context(bridges.hooked(place.point, hook=edit))
        yield scalings


def _edit(scaling: _Scaling, value: Tensor, hook: HookPoint) -> Tensor:
    scaled: Tensor = scaling(value)
    return scaled


def _edit_in_place(scaling: _Scaling, value: Tensor, hook: HookPoint) -> None:
    value.copy_(scaling(value))


@contextmanager
def _put(places: Sequence[_Place]) -> Iterator[list[_Scaling]]:
    """While active, modules that scale are in the points' places."""
    scalings = [_Scaling() for _ in places]
    for place, scaling in zip(places, scalings, strict=True):
        setattr(place.owner, place.attribute, scaling)
    try:
        yield scalings
    finally:
        for place in places:
            # TL gives what is set the name of the attribute alone, and finds hooks by their names.
            name = place.point.name
            setattr(place.owner, place.attribute, place.point)
            place.point.name = name


def _gradients(bridge: nn.Module, ids: Tensor, scalings: Sequence[_Scaling]) -> list[Tensor]:
    """How fast a loss grows with each factor, relative to the fastest."""
    loss = bridge(ids).logsumexp(-1).sum()
    factors = [scaling.factor for scaling in scalings]
    found = torch.autograd.grad(loss, factors, allow_unused=True)
    gradients = [torch.zeros(()) if one is None else one for one in found]
    largest = max((one.abs() for one in gradients), default=torch.ones(()))
    return [one / largest for one in gradients]
