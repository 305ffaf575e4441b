"""Does editing a hook change the output as the same edit inside HF's model does?

A hook can show the right value and still be no part of the computation: edits are then lost.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from adaptergen.components.attention.probe import probe_of as attention_of
from adaptergen.components.mlp.probe import probe_of as mlp_of
from adaptergen.verify import bridge as bridges
from adaptergen.verify import probe
from adaptergen.verify.check import (
    ROUNDED,
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.divergence import traced
from adaptergen.verify.heads import look_inside
from adaptergen.verify.interventions import (
    Intervention,
    hf_logits,
    of_heads,
    of_pattern,
    of_stream,
)
from adaptergen.verify.norms import Norm, norms_of
from adaptergen.verify.once import one_line
from adaptergen.verify.stage import Layer
from adaptergen.verify.subject import Subject


@check("interventions.stream", "Adding a vector to the residual stream acts as it does in HF.")
def stream(subject: Subject) -> Iterator[Evidence]:
    """Before, between and after attention and MLP of each layer, and behind its norms.

    In TL's bridges of pre-norm blocks hook_resid_mid is another name of ln2's input. An edit there
    reaches the MLP and not the stream, and is held against the same edit in HF; the stream between
    attention and MLP moves with hook_attn_out.
    """
    hooks = subject.bridge.hook_dict
    for number, path in subject.layers.items():
        scale = Layer(subject.hf, subject.spec, path, number).residual_scale
        names = ("hook_resid_mid", "ln2.hook_in", "mlp.hook_in")
        middle, *read = (hooks.get(f"blocks.{number}.{name}") for name in names)
        edits = of_stream(subject.spec, all(middle is not one for one in read), scale)
        yield from _acts_alike(subject, number, edits)


@check("interventions.attention", "Editing one head's query, key, value or output acts as in HF.")
def attention(subject: Subject) -> Iterator[Evidence]:
    """Another head in each layer; of outputs (z) one is set to zero."""
    for number in subject.layers:
        yield from _acts_alike(subject, number, of_heads(subject.spec, number))


@check("interventions.pattern", "Editing one head's attention scores or pattern acts as in HF.")
def pattern(subject: Subject) -> Iterator[Evidence]:
    """HF's side edits what the softmax of its eager attention takes and returns."""
    look_inside(subject.spec)
    reason = attention_of(subject.spec.attention).without_edits
    if reason:
        raise NotApplicableError(reason)
    for number in subject.layers:
        yield from _acts_alike(subject, number, of_pattern(subject.spec, number))


@check(
    "interventions.norms",
    "Norms return what HF's do, also where hook_normalized is edited.",
    tolerance=ROUNDED,
)
def norms(subject: Subject) -> Iterator[Evidence]:
    """The edit puts the same values back: TL then multiplies by weights and adds biases itself.

    Many of HF's norms compute in float32.
    """
    subject.require_pass()
    for norm in norms_of(subject):
        text = f"the output of {norm.shown} with hook_normalized edited"
        try:
            difference = _edited(norm)
        except Exception as error:
            # What raises in one norm says nothing of the others.
            raised = one_line(error, subject.module_path)
            yield Fact(False, f"{text} raises {raised}", norm.layer, norm.claim)
        else:
            yield Difference(text, difference, norm.layer, norm.claim)


def _edited(norm: Norm) -> float:
    """How far a norm with an edit is from HF's."""
    with torch.no_grad(), warnings.catch_warnings(), _put_back(norm.bridge):
        warnings.simplefilter("ignore")
        return largest_difference(norm.bridge(norm.given), norm.module(norm.given))


@contextmanager
def _put_back(bridge: Any) -> Iterator[None]:
    hook = bridge.hook_normalized
    hook.add_hook(lambda value, hook: value.clone())
    try:
        yield
    finally:
        hook.remove_hooks()


@check("interventions.mlp", "Adding a vector inside an MLP or to its output acts as in HF.")
def mlp(subject: Subject) -> Iterator[Evidence]:
    """One layer at a time."""
    for number in subject.layers:
        yield from _acts_alike(subject, number, mlp_of(subject.spec.mlp).interventions())


def _acts_alike(subject: Subject, number: int, edits: Iterable[Intervention]) -> Iterator[Evidence]:
    hf, path = subject.hf, subject.layers[number]
    batch = hf.batch(hf.length)
    for intervention in edits:
        hook, claim = intervention.hook, intervention.claim
        name = f"blocks.{number}.{hook}"
        if name not in subject.trace.existing:
            yield Fact(False, f"has no hook '{hook}' to edit", number, claim)
            continue
        theirs = hf_logits(hf, subject.spec, path, intervention)
        if not subject.overrides:
            # Under a config that the user asks for, such as a window of one token, it need not.
            matters = probe.changed(theirs, hf.seen.logits)
            yield Fact(matters, f"editing {hook} changes nothing in HF", number, claim)
        ours = bridges.edited_logits(subject.bridge, batch, name, intervention.edit)
        difference = largest_difference(ours, theirs)
        yield traced(subject, f"the output with {hook} edited", difference, number, claim)
