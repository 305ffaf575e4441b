"""The adapter under test at work: TL's bridge around a copy of the HF model."""

import contextlib
import copy
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from unittest.mock import patch

import torch
from torch import Tensor
from transformer_lens.factories.architecture_adapter_factory import ArchitectureAdapterFactory
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter
from transformer_lens.model_bridge.sources import build_bridge_from_module

from adaptergen.verify.check import largest_difference
from adaptergen.verify.hf import Batch, HfModel


@dataclass(frozen=True)
class Trace:
    """One forward pass of a bridge.

    Logits [batch, pos, vocab], the last value of each hook that fired, how often it did, and the
    names of all hooks.
    """

    logits: Tensor
    values: dict[str, Tensor]
    fired: dict[str, int]
    existing: frozenset[str]


def boot(
    adapter: type[ArchitectureAdapter], hf: HfModel, attention: str = "eager"
) -> TransformerBridge:
    """A bridge around a copy of the HF model, which it modifies in place.

    `attention` is the implementation with which a user has loaded the model.
    """
    return wrap(adapter, hf.architecture, copy.deepcopy(hf.computing(attention)))


def wrap(adapter: type[ArchitectureAdapter], architecture: str, model: Any) -> TransformerBridge:
    """A bridge around an HF model, which it modifies in place."""
    registered = {architecture: adapter}
    # The factory knows adapters by class name; TL's own one for this name must come back.
    with (
        patch.dict(ArchitectureAdapterFactory._adapters, registered),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        bridge = build_bridge_from_module(
            model, architecture, hf_config=copy.deepcopy(model.config), model_name="tiny"
        )
    bridge.eval()
    return bridge


def made_compatible(bridge: TransformerBridge) -> TransformerBridge:
    """The same bridge in compatibility mode, its weights folded and centred."""
    with contextlib.redirect_stdout(io.StringIO()):
        bridge.enable_compatibility_mode(disable_warnings=True)
    return bridge


def logits(bridge: TransformerBridge, batch: Batch, **options: bool) -> Tensor:
    """Logits [batch, pos, vocab]; TL derives positions from the mask.

    With nothing hooked, so that an adapter may leave attention to HF. HF takes the options.
    """
    with torch.no_grad():
        found: Tensor = bridge(batch.ids, attention_mask=batch.mask, **options)
    return found


def stepwise_logits(bridge: TransformerBridge, batch: Batch) -> Tensor:
    """Logits [batch, pos, vocab] while TL computes attention, step by step."""
    with observed(bridge):
        return logits(bridge, batch)


def log_probability_difference(bridge: TransformerBridge, hf: HfModel) -> float:
    """How far log-probabilities are from HF's on the main batch.

    Compatibility mode may shift logits by a constant; it may not change log-probabilities.
    """
    ours = stepwise_logits(bridge, hf.batch(hf.length))
    return largest_difference(ours.log_softmax(-1), hf.seen.logits.log_softmax(-1))


def edited_logits(
    bridge: TransformerBridge, batch: Batch, hook: str, edit: Callable[[Tensor], Tensor]
) -> Tensor:
    """Logits [batch, pos, vocab] while the value of one hook passes through an edit."""
    with bridge.hooks(fwd_hooks=[(hook, lambda value, hook: edit(value))]):
        return logits(bridge, batch)


def ignore(value: Tensor, hook: HookPoint) -> None:
    """A hook that listens and does nothing."""


@contextlib.contextmanager
def hooked(
    point: HookPoint,
    direction: Literal["fwd", "bwd"] = "fwd",
    *,
    permanent: bool = False,
    hook: Callable[..., Any] = ignore,
) -> Iterator[None]:
    """While active, a hook is on the point."""
    point.add_hook(hook, dir=direction, is_permanent=permanent)
    try:
        yield
    finally:
        point.remove_hooks("both", including_permanent=True)


@contextlib.contextmanager
def observed(bridge: TransformerBridge) -> Iterator[None]:
    """While active, a hook on every pattern that does nothing: attention is computed step by step.

    Without one, and with an adapter that leaves attention to HF, HF computes it.
    """
    names = [name for name in bridge.hook_dict if name.endswith(".attn.hook_pattern")]
    with bridge.hooks(fwd_hooks=[(name, lambda value, hook: None) for name in names]):
        yield


def trace(bridge: TransformerBridge, batch: Batch) -> Trace:
    """Run the bridge with a recorder on every hook, aliases included."""
    values: dict[str, Tensor] = {}
    fired: dict[str, int] = {}

    def recorder(name: str) -> Any:
        def record(value: Any, hook: Any) -> None:
            fired[name] = fired.get(name, 0) + 1
            if isinstance(value, Tensor):
                values[name] = value.detach().clone()

        return record

    hooks = bridge.hook_dict
    for name, point in hooks.items():
        point.add_hook(recorder(name))
    try:
        found = logits(bridge, batch)
    finally:
        bridge.reset_hooks()
    return Trace(found, values, fired, frozenset(hooks))
