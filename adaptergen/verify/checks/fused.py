"""Is attention left to HF exactly when no hook needs TL's, and is it the same either way?"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from adaptergen.spec.processing import Valid
from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import (
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.checks.weights import PROCESSED
from adaptergen.verify.decoding import borders_of, bridge_in_chunks, hf_in_chunks
from adaptergen.verify.hf import Batch, HfModel
from adaptergen.verify.layers import windows_claimed
from adaptergen.verify.once import UnavailableError, once
from adaptergen.verify.subject import Subject

# What HF's attention does not show, and some adapters have no hook for.
_HIDDEN = ("hook_attn_scores", "hook_pattern", "hook_rot_q", "hook_rot_k", "hook_cos", "hook_sin")
_NORMED = ("hook_q_normed", "hook_k_normed", "hook_gate")
# What HF's attention shows too.
_SHOWN = ("hook_in", "q.hook_out", "k.hook_out", "v.hook_out", "hook_z", "o.hook_out", "hook_out")

_SDPA = "scaled_dot_product_attention"


@check(
    "fused.taken",
    "HF computes attention, with SDPA, in each layer where no hook needs it step by step.",
    claim="attention.fused",
)
def taken(subject: Subject) -> Iterator[Evidence]:
    """Hooks on one layer, forward, backward and permanent; caches; and patterns that are asked for.

    HF's side is a count of what torch is called with.
    """
    _require_fused(subject)
    bridge, batch = subject.bridge, subject.hf.batch(subject.hf.length)
    every, others = len(subject.layers), len(subject.layers) - 1
    existing = bridge.hook_dict

    def computed(wanted: int, when: str, run: Callable[[], object]) -> Fact:
        with _recorded() as calls:
            run()
        return Fact(len(calls) == wanted, f"HF computes {len(calls)} layers, not {wanted}, {when}")

    def plain() -> Tensor:
        return bridges.logits(bridge, batch)

    yield computed(every, "with nothing hooked", plain)
    for hook in (*_SHOWN, *_HIDDEN, *_NORMED):
        point = existing.get(f"blocks.0.attn.{hook}")
        if point is not None:
            wanted = every if hook in _SHOWN else others
            with bridges.hooked(point):
                yield computed(wanted, f"with {hook} hooked", plain)
    for hook in ("hook_attn_scores", "hook_pattern"):
        point = existing[f"blocks.0.attn.{hook}"]
        with bridges.hooked(point, permanent=True):
            yield computed(others, f"with {hook} hooked permanently", plain)
        with bridges.hooked(point, "bwd"):
            yield computed(others, f"with {hook} hooked backward", plain)
    last = f"blocks.{others}.hook_out"
    cache = partial(bridge.run_with_cache, batch.ids)
    yield computed(every, "while the residual stream is cached", partial(cache, names_filter=last))
    yield computed(0, "while all is cached", cache)
    if _hears_of_patterns(subject):
        asked = partial(bridge, batch.ids, output_attentions=True)
        yield computed(0, "while patterns are asked for", asked)


def _hears_of_patterns(subject: Subject) -> bool:
    """Whether HF's layers tell attention that patterns are asked for, as they were of HF."""
    path = f"{subject.layers[0]}.{subject.spec.attention.path}"
    return "output_attentions" in subject.hf.call(path).kwargs


@check(
    "fused.mask",
    "No mask is made for unpadded text in layers that see all of it.",
    claim="attention.fused",
)
def mask(subject: Subject) -> Iterator[Evidence]:
    """Torch then knows that attention is causal, and needs no number for each pair of tokens."""
    _require_fused(subject)
    windows = windows_claimed(subject)
    # HF makes a mask as soon as a text is as long as a window, though that hides nothing yet.
    longest = {n: math.inf if size is None else size - 1 for n, size in windows.items()}
    length = int(min(subject.hf.length, max(longest.values())))
    if length <= 1:
        raise NotApplicableError("no layer sees two tokens without a mask")
    with _recorded() as calls:
        bridges.logits(subject.bridge, subject.hf.batch(length))
    for number in (n for n, limit in longest.items() if limit >= length):
        masked = number < len(calls) and calls[number].get("attn_mask") is not None
        yield Fact(not masked, "is handed a mask for unpadded text", number)


@check("fused.noticed", "Hooks are noticed if all are permanent, and if all are for gradients.")
def noticed(subject: Subject) -> Iterator[Evidence]:
    """Every hook that fires in one pass, if all are ordinary ones.

    What is heard of gradients is held against a pass in which forward hooks are there too.
    """
    subject.require_pass()
    bridge, batch = subject.bridge, subject.hf.batch(subject.hf.length)
    existing = bridge.hook_dict
    names = [name for name in subject.trace.fired if name in existing]
    heard: set[str] = set()
    with ExitStack() as stack:
        for name in names:
            note = partial(_note, heard, name)
            stack.enter_context(bridges.hooked(existing[name], permanent=True, hook=note))
        bridges.logits(bridge, batch)
    for name in names:
        yield Fact(name in heard, f"{name} does not fire when hooked permanently")
    names = [name for name in names if not lacks_gradients(subject, name)]
    alone = _hearing_gradients(bridge, batch, names)
    for name in sorted(_hearing_gradients(bridge, batch, names, hooked_forward=names)):
        yield Fact(name in alone, f"{name} hears of no gradient unless it is hooked forward too")


def lacks_gradients(subject: Subject, name: str) -> bool:
    """Whether TL fails for a hook for gradients there: it multiplies by a weight that is not."""
    inside = name.endswith((".hook_scale", ".hook_normalized"))
    return inside and subject.spec.norm.weight == "none"


def _hearing_gradients(
    bridge: Any, batch: Batch, names: Sequence[str], hooked_forward: Sequence[str] = ()
) -> set[str]:
    """Those of the hooks that hear of a gradient, of any loss."""
    heard: set[str] = set()
    forward = [(name, bridges.ignore) for name in hooked_forward]
    backward = [(name, partial(_note, heard, name)) for name in names]
    with bridge.hooks(fwd_hooks=forward, bwd_hooks=backward):
        loss = bridge(batch.ids).logsumexp(-1).sum()
        parameters = [value for value in bridge.parameters() if value.requires_grad]
        torch.autograd.grad(loss, parameters, allow_unused=True)
    return heard


def _note(heard: set[str], name: str, value: Tensor, hook: HookPoint) -> None:
    heard.add(name)


@check("fused.alone", "Each hook shows alone what it shows among all others.")
def alone(subject: Subject) -> Iterator[Evidence]:
    """Every hook of the first layer: one that is alone may be the only reason to compute so."""
    _require_fused(subject)
    bridge, batch, seen = subject.bridge, subject.hf.batch(subject.hf.length), subject.trace.values
    for point, name in subject.first_points.items():
        shown: list[Tensor] = []
        with bridges.hooked(point, hook=partial(_keep, shown)):
            bridges.logits(bridge, batch)
        yield Fact(bool(shown), f"{name} does not fire where it alone is hooked")
        if shown:
            yield Difference(f"{name}, hooked alone,", largest_difference(shown[-1], seen[name]))


def _keep(shown: list[Tensor], value: Tensor, hook: HookPoint) -> None:
    shown.append(value.detach().clone())


@check("fused.agrees", "Attention is the same whether HF computes it or TL does.")
def agrees(subject: Subject) -> Iterator[Evidence]:
    """Plain, padded, in chunks with a cache, in compatibility mode, and backward."""
    _require_fused(subject)
    hf, bridge = subject.hf, subject.bridge
    subject.require_pass()
    for what, batch in (("output", hf.batch(hf.length)), ("padded output", hf.padded("left"))):
        fused = bridges.logits(bridge, batch)
        theirs = _hf_logits(hf, batch)
        real = batch.real
        difference = largest_difference(fused[real], theirs[real])
        yield Difference(f"the {what} where HF computes attention", difference)
        stepwise = bridges.stepwise_logits(bridge, batch)
        difference = largest_difference(fused[real], stepwise[real])
        yield Difference(f"the {what} where HF computes attention from where TL does", difference)
        yield from _in_chunks(subject, what, batch)
    yield from _backward(subject)
    if isinstance(subject.spec.processing.compatibility_mode, Valid):
        yield from _compatible(subject)


@once("HF's output")
def _hf_logits(hf: HfModel, batch: Batch) -> Tensor:
    return hf.logits(batch)


def _in_chunks(subject: Subject, what: str, batch: Batch) -> Iterator[Evidence]:
    hf, bridge, borders = subject.hf, subject.bridge, borders_of(batch)
    try:
        hf_in_chunks(hf, batch, borders)
    except UnavailableError:
        # With some configs, such as a window of one token, HF's own cache fails.
        return
    fused = bridge_in_chunks(bridge, batch, borders)
    with bridges.observed(bridge):
        stepwise = bridge_in_chunks(bridge, batch, borders)
    difference = largest_difference(fused[batch.real], stepwise[batch.real])
    yield Difference(f"the {what} in chunks where HF computes attention", difference)


def _backward(subject: Subject) -> Iterator[Evidence]:
    bridge, batch = subject.bridge, subject.hf.padded("left")
    parameters = {n: p for n, p in bridge.named_parameters() if p.requires_grad}

    def gradients() -> tuple[Tensor | None, ...]:
        logits = bridge(batch.ids, attention_mask=batch.mask)
        loss = nn.functional.cross_entropy(logits[batch.real], batch.ids[batch.real])
        return torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)

    fused = gradients()
    with bridges.observed(bridge):
        stepwise = gradients()
    for (name, value), *both in zip(parameters.items(), fused, stepwise, strict=True):
        # What computes with padding alone, as a few of many experts may, has none or zeros.
        ours, theirs = (torch.zeros_like(value) if one is None else one for one in both)
        text = f"the gradient of {name} where HF computes attention"
        yield Difference(text, largest_difference(ours, theirs), claim="attention")


def _compatible(subject: Subject) -> Iterator[Evidence]:
    bridge, batch = subject.compatible, subject.hf.padded("left")
    fused = bridges.logits(bridge, batch)[batch.real]
    stepwise = bridges.stepwise_logits(bridge, batch)[batch.real]
    text = "the output in compatibility mode where HF computes attention"
    yield Difference(text, largest_difference(fused, stepwise), tolerance=PROCESSED)


def _require_fused(subject: Subject) -> None:
    if not subject.fuses:
        raise NotApplicableError("TL, or HF by its own implementation, always computes attention")


@contextmanager
def _recorded() -> Iterator[list[dict[str, Any]]]:
    """While active, the named arguments of each call of torch's SDPA."""
    calls: list[dict[str, Any]] = []
    compute = getattr(nn.functional, _SDPA)

    def record(*args: Tensor, **named: Any) -> Tensor:
        calls.append(named)
        found: Tensor = compute(*args, **named)
        return found

    with patch.object(nn.functional, _SDPA, record):
        yield calls
