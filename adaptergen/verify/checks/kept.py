"""Does what a hook was handed stay as it was, to the end of the pass?"""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from typing import Any, Literal

import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import Difference, Evidence, Fact, check, largest_difference
from adaptergen.verify.checks.fused import lacks_gradients
from adaptergen.verify.subject import Subject


@check("hooks.kept", "Tensors that hooks have seen do not change later in the pass.")
def kept(subject: Subject) -> Iterator[Evidence]:
    """A cache holds tensors, not copies: code that works in place would rewrite it."""
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
        yield from _unchanged(subject, {point: name}, "fwd")
    points = {p: name for p, name in points.items() if not lacks_gradients(subject, name)}
    for point, name in points.items():
        yield from _unchanged(subject, {point: name}, "bwd")
    yield from _unchanged(subject, points, "bwd")


def _unchanged(
    subject: Subject, points: dict[HookPoint, str], direction: Literal["fwd", "bwd"]
) -> Iterator[Evidence]:
    """Whether what these hooks are handed, with no others, is the same at the end of the pass."""
    handed: list[tuple[str, Tensor, Tensor]] = []

    def keeping(name: str) -> Callable[..., None]:
        def keep(value: Any, hook: HookPoint) -> None:
            handed.append((name, value, value.detach().clone()))

        return keep

    with ExitStack() as stack:
        for point, name in points.items():
            stack.enter_context(bridges.hooked(point, direction, hook=keeping(name)))
        _pass(subject, direction)
    shown = "gradient" if direction == "bwd" else "value"
    yield from _fired(handed, points.values()) if direction == "fwd" else ()
    for name, value, before in handed:
        difference = largest_difference(value, before)
        where = "alone" if len(points) == 1 else "among others"
        text = f"the {shown} that {name} was handed, hooked {where}, changes later"
        yield Fact(difference == 0.0, f"{text}, by {difference:.1e}", 0)


def _fired(handed: list[tuple[str, Tensor, Tensor]], names: Collection[str]) -> Iterator[Evidence]:
    fired = {name for name, _, _ in handed}
    for name in names:
        yield Fact(name in fired, f"{name} does not fire where it alone is hooked", 0)


def _pass(subject: Subject, direction: Literal["fwd", "bwd"]) -> None:
    bridge, ids = subject.bridge, subject.few_ids
    if direction == "fwd":
        with torch.no_grad():
            bridge(ids)
        return
    parameters = [value for value in bridge.parameters() if value.requires_grad]
    torch.autograd.grad(bridge(ids).logsumexp(-1).sum(), parameters, allow_unused=True)
