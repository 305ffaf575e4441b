"""Does the bridge compute what HF computes?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import (
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.divergence import traced
from adaptergen.verify.hf import Batch, HfModel
from adaptergen.verify.layers import reach_found
from adaptergen.verify.norms import norms_of
from adaptergen.verify.once import once
from adaptergen.verify.subject import Subject


@check("forward.logits", "Logits equal HF's.")
def logits(subject: Subject) -> Iterator[Evidence]:
    """The main pass."""
    difference = largest_difference(subject.trace.logits, subject.hf.seen.logits)
    yield traced(subject, "the output", difference)


@check("forward.residual", "The residual stream before and after each layer equals HF's.")
def residual(subject: Subject) -> Iterator[Evidence]:
    """HF's side is what its layers take and return."""
    values = subject.trace.values
    for number, path in subject.layers.items():
        call = subject.hf.call(path)
        for name, theirs in (("resid_pre", call.input), ("resid_post", call.value)):
            ours = values.get(f"blocks.{number}.hook_{name}")
            if ours is not None:
                yield traced(subject, name, largest_difference(ours, theirs), number)


@check("forward.norms", "Given the same, norms return what HF's do, to the last bit.")
def norms(subject: Subject) -> Iterator[Evidence]:
    """TL can compute a norm by itself too, and then rounds otherwise, forward and backward.

    Each is hooked, since it may be left to HF otherwise.
    """
    subject.require_pass()
    for norm in norms_of(subject):
        with torch.no_grad(), bridges.hooked(norm.bridge.hook_in):
            equal = torch.equal(norm.bridge(norm.given), norm.module(norm.given))
        yield Fact(equal, f"rounds otherwise than HF's {norm.shown}", norm.layer, norm.claim)


@check("forward.final_norm", "The final norm's output equals HF's.", claim="paths.final_norm")
def final_norm(subject: Subject) -> Iterator[Evidence]:
    """HF's side is what its output embeddings are given, but for the scale of logits."""
    theirs = _normed(subject)
    ours = subject.trace.values.get("ln_final.hook_out")
    if ours is not None:
        yield traced(subject, "the final norm", largest_difference(ours, theirs))


@check(
    "forward.unembed",
    "`apply_output_logits_transform(unembed(x))` turns HF's final norm into HF's logits.",
    claim="paths.unembed",
)
def unembed(subject: Subject) -> Iterator[Evidence]:
    """Logit lens and direct logit attribution rely on it."""
    bridge = subject.bridge
    with torch.no_grad():
        raw = bridge.unembed(_normed(subject))
        ours = bridge.adapter.apply_output_logits_transform(raw)
    difference = largest_difference(ours, subject.hf.seen.logits)
    yield Difference("the unembedded final norm", difference)


@check(
    "forward.window",
    "Logits equal HF's on a text several windows long.",
    claim="attention.window",
)
def window(subject: Subject) -> Iterator[Evidence]:
    """Applies where probing finds a layer that does not see everything."""
    hf = subject.hf
    narrowest = min(reach_found(subject).values())
    if narrowest == hf.length:
        raise NotApplicableError(f"no layer of HF has a window shorter than {hf.length} tokens")
    batch = hf.batch(hf.length + 3 * narrowest)
    difference = largest_difference(subject.logits(batch), hf.logits(batch))
    yield traced(subject, f"the output on {batch.ids.shape[1]} tokens", difference)


@check("forward.training", "In training mode logits equal HF's too, unless HF drops out at random.")
def training(subject: Subject) -> Iterator[Evidence]:
    """With TL's attention, and with HF's where the adapter leaves it to HF."""
    hf, bridge = subject.hf, subject.bridge
    batch = hf.batch(hf.length)
    theirs = _in_training(hf, batch)
    if not torch.equal(theirs, hf.seen.logits):
        raise NotApplicableError("HF's output is another one in training mode")
    bridge.train()
    try:
        stepwise = bridges.stepwise_logits(bridge, batch)
        fused = bridges.logits(bridge, batch)
    finally:
        bridge.eval()
    for ours in (stepwise, fused):
        yield Difference("the output in training mode", largest_difference(ours, theirs))


@once("HF's output in training mode")
def _in_training(hf: HfModel, batch: Batch) -> Tensor:
    hf.model.train()
    try:
        return hf.logits(batch)
    finally:
        hf.model.eval()


@check("forward.padding_left", "Logits of real tokens equal HF's in a left-padded batch.")
def padding_left(subject: Subject) -> Iterator[Evidence]:
    """The first row has no padding."""
    yield from _padded(subject, "left")


@check("forward.padding_right", "Logits of real tokens equal HF's in a right-padded batch.")
def padding_right(subject: Subject) -> Iterator[Evidence]:
    """The first row has no padding."""
    yield from _padded(subject, "right")


def _padded(subject: Subject, side: str) -> Iterator[Evidence]:
    batch: Batch = subject.hf.padded(side)
    ours, theirs = subject.logits(batch), subject.hf.logits(batch)
    difference = largest_difference(ours[batch.real], theirs[batch.real])
    yield traced(subject, f"the output of a {side}-padded batch", difference)


def _normed(subject: Subject) -> torch.Tensor:
    """The input [batch, pos, d_model] of HF's output embeddings, not yet scaled."""
    model = subject.hf.model
    head = model.get_output_embeddings()
    path = next(name for name, module in model.named_modules() if module is head)
    return subject.hf.call(path).input / subject.scale_ahead
