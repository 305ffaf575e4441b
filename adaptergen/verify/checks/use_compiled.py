"""Do hooks act that are attached once torch has compiled what they are on?

Compiled code is run again as long as what it has read is as it was. Of some things, PyTorch's own
hooks among them, torch takes for granted that they stay: a bridge that decides by those alone goes
on as if nothing were hooked.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import (
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.subject import Subject

_TL = "transformer_lens."
_ENDS = ("hook_in", "hook_out")


@check("use.compiled", "A hook attached after `torch.compile` acts as one on what is not compiled.")
def compiled(subject: Subject) -> Iterator[Evidence]:
    """One bridge of each class that the adapter brings, with a hook on it.

    What TL's own classes compute is not compiled, which takes most of the time.
    """
    subject.require_pass()
    bridge = subject.bridge
    own = [module for module in bridge.modules() if _is_own(module)]
    if not own:
        raise NotApplicableError("all bridges are of TL's own classes")
    existing = bridge.hook_dict
    names = {existing[name]: name for name in subject.trace.values if name in existing}
    # Around hooks of PyTorch's, of which TL has some on norms in blocks, bridges ask otherwise.
    own.sort(key=_has_torch_hooks)
    for module in {type(module): module for module in reversed(own)}.values():
        points = [point for point in module.children() if point in names]
        call = _call(subject, module)
        if points and call is not None:
            point = _chosen(points)
            yield from _alike(module, call, point, names[point])


def _is_own(module: nn.Module) -> bool:
    """Whether it is a bridge of a class that TL does not have."""
    return isinstance(module, GeneralizedComponent) and not _is_tls(type(module))


def _has_torch_hooks(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _is_tls(cls: type) -> bool:
    return cls.__module__.startswith(_TL)


def _chosen(points: list[HookPoint]) -> HookPoint:
    """The first that is not at an end, where there is one: bridges take themselves apart for it."""
    inside = [point for point in points if not str(point.name).endswith(_ENDS)]
    return (inside or points)[0]


def _call(subject: Subject, module: nn.Module) -> tuple[Any, Any] | None:
    """The arguments that a bridge is called with in a pass without a cache, if it is called."""
    calls: list[tuple[Any, Any]] = []

    def listen(module: nn.Module, args: Any, kwargs: Any) -> None:
        calls.append((args, kwargs))

    handle = module.register_forward_pre_hook(listen, with_kwargs=True)
    try:
        with torch.no_grad():
            subject.bridge(subject.few_ids, use_cache=False)
    finally:
        handle.remove()
    return calls[0] if calls else None


def _alike(
    module: nn.Module, call: tuple[Any, Any], point: HookPoint, name: str
) -> Iterator[Evidence]:
    """Whether a hook runs that is attached to a compiled bridge, and what it makes of it."""
    args, kwargs = call

    def output(run: Callable[..., Any]) -> Tensor:
        found = run(*args, **kwargs)
        first: Tensor = found[0] if isinstance(found, tuple) else found
        return first

    with torch.no_grad(), _compiling(module) as compiled, warnings.catch_warnings():
        # TL says of edits inside of norms that they take another way to compute.
        warnings.simplefilter("ignore")
        output(compiled)
        edit = _Edit()
        with bridges.hooked(point, hook=edit):
            found, ran = output(compiled), edit.ran
            wanted = output(module)
    yield Fact(ran, f"{name} does not fire if it is hooked after compiling")
    text = f"the output with {name} hooked after compiling"
    yield Difference(text, largest_difference(found, wanted))


class _Edit:
    """A hook that changes what it is handed, unless that is tokens."""

    def __init__(self) -> None:
        self.ran = False

    def __call__(self, value: Tensor, hook: HookPoint) -> Tensor:
        self.ran = True
        return value * 1.25 if value.is_floating_point() else value


@contextmanager
def _compiling(module: nn.Module) -> Iterator[Callable[..., Any]]:
    """While active, a compiled bridge, which calls what is TL's as it is."""
    parts = [part for part in module.modules() if isinstance(part, GeneralizedComponent)]
    bases = {base for part in parts for base in type(part).__mro__ if _is_tls(base)}
    with ExitStack() as stack:
        for base in bases:
            if "forward" in vars(base):
                left = torch.compiler.disable(vars(base)["forward"])  # type: ignore[no-untyped-call]
                stack.enter_context(patch.object(base, "forward", left))
        stack.callback(torch.compiler.reset)
        yield torch.compile(module, backend="eager")
