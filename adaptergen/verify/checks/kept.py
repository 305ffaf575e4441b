"""Is what a hook is handed the same to the end of the pass, and with and without other hooks?"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import ROUNDED, Difference, Evidence, Fact, check, largest_difference
from adaptergen.verify.checks.fused import lacks_gradients
from adaptergen.verify.subject import Subject


@check(
    "hooks.kept",
    "What a hook is handed does not change later, nor do gradients with what else is hooked.",
)
def kept(subject: Subject) -> Iterator[Evidence]:
    """A cache holds tensors, not copies: code that works in place would rewrite it.

    Of each value, a hook is handed one gradient, the same alone and among all others.
    """
    subject.require_pass()
    batch = subject.hf.batch(subject.hf.length)
    _, cached = subject.bridge.run_with_cache(batch.ids)
    for stage in subject.stages:
        seen = subject.trace.values.get(stage.name)
        if seen is not None and stage.name in cached.cache_dict:
            difference = largest_difference(cached.cache_dict[stage.name], seen)
            yield Difference(f"the cached {stage.hook}", difference, stage.layer, stage.claim)
    yield from kept_alone(subject)


def kept_alone(subject: Subject) -> Iterator[Evidence]:
    """Each hook of the first layer alone, forward and backward, and all of them backward.

    HF's code may then run where TL's does otherwise.
    """
    points = subject.first_points
    for point, name in points.items():
        handed = _handed(subject, {point: name}, "fwd")
        yield Fact(bool(handed), f"{name} does not fire where it alone is hooked", 0)
        yield from _unchanged(handed, "value", "alone")
    points = {p: name for p, name in points.items() if not lacks_gradients(subject, name)}
    among = _handed(subject, points, "bwd")
    yield from _unchanged(among, "gradient", "among others")
    for point, name in points.items():
        alone = _handed(subject, {point: name}, "bwd")
        yield from _unchanged(alone, "gradient", "alone")
        yield from _alike(alone, [one for one in among if one.name == name], name, subject)


class _Handed(NamedTuple):
    """What the hook of this name was handed, and what that was then."""

    name: str
    value: Tensor
    before: Tensor


def _handed(
    subject: Subject, points: dict[HookPoint, str], direction: Literal["fwd", "bwd"]
) -> list[_Handed]:
    """What these hooks are handed in a pass, in order, with no others."""
    handed: list[_Handed] = []

    def keeping(name: str) -> Callable[..., None]:
        def keep(value: Any, hook: HookPoint) -> None:
            handed.append(_Handed(name, value, value.detach().clone()))

        return keep

    with ExitStack() as stack:
        for point, name in points.items():
            stack.enter_context(bridges.hooked(point, direction, hook=keeping(name)))
        _pass(subject, direction)
    return handed


def _unchanged(handed: list[_Handed], shown: str, where: str) -> Iterator[Evidence]:
    """Whether what hooks were handed is the same at the end of the pass."""
    for name, value, before in handed:
        difference = largest_difference(value, before)
        text = f"the {shown} that {name} was handed, hooked {where}, changes later"
        yield Fact(difference == 0.0, f"{text}, by {difference:.1e}", 0)


def _alike(
    alone: list[_Handed], among: list[_Handed], name: str, subject: Subject
) -> Iterator[Evidence]:
    """Whether a hook is handed the same gradients alone and among others: one for each value."""
    values = subject.trace.fired[name]
    for times, where in ((len(alone), "alone"), (len(among), "among others")):
        # Of some values, such as experts' numbers, there is none.
        text = f"{name}, hooked {where}, is handed {times} gradients, of {values} values"
        yield Fact(times in (values, 0) and bool(times) == bool(alone), text, 0)
    for ours, theirs in zip(among, alone, strict=False):
        scale = theirs.before.abs().max().clamp(min=1.0)
        difference = largest_difference(ours.before / scale, theirs.before / scale)
        text = f"the gradient of {name}, hooked among others, differs from that heard alone"
        yield Fact(difference < ROUNDED, f"{text}, by {difference:.1e}", 0)


def _pass(subject: Subject, direction: Literal["fwd", "bwd"]) -> None:
    bridge, ids = subject.bridge, subject.few_ids
    if direction == "fwd":
        with torch.no_grad():
            bridge(ids)
        return
    parameters = [value for value in bridge.parameters() if value.requires_grad]
    torch.autograd.grad(bridge(ids).logsumexp(-1).sum(), parameters, allow_unused=True)
