"""Does editing a hook change the output as the same edit inside HF's model does?

A hook can show the right value and still be no part of the computation: edits are then lost.
"""

from collections.abc import Iterable, Iterator

from adaptergen.verify import bridge as bridges
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, check, largest_difference
from adaptergen.verify.divergence import traced
from adaptergen.verify.interventions import (
    Intervention,
    hf_logits,
    of_heads,
    of_mlp,
    of_pattern,
    of_stream,
)
from adaptergen.verify.stages import head_dim
from adaptergen.verify.subject import Subject


@check("interventions.stream", "Adding a vector to the residual stream acts as it does in HF.")
def stream(subject: Subject) -> Iterator[Evidence]:
    """Before, between and after attention and MLP of each layer, and behind its norms.

    In TL's bridges of pre-norm blocks hook_resid_mid is another name of ln2's input. An edit there
    reaches the MLP and not the stream, and is held against the same edit in HF; the stream between
    attention and MLP moves with hook_attn_out.
    """
    hooks = subject.bridge.hook_dict
    for number in subject.layers:
        middle, read = (
            hooks.get(f"blocks.{number}.{n}") for n in ("hook_resid_mid", "ln2.hook_in")
        )
        yield from _acts_alike(subject, number, of_stream(subject.spec, middle is not read))


@check("interventions.attention", "Editing one head's query, key, value or output acts as in HF.")
def attention(subject: Subject) -> Iterator[Evidence]:
    """Another head in each layer; of outputs (z) one is set to zero."""
    for number in subject.layers:
        yield from _acts_alike(subject, number, of_heads(subject.spec, number))


@check("interventions.pattern", "Editing one head's attention scores or pattern acts as in HF.")
def pattern(subject: Subject) -> Iterator[Evidence]:
    """HF's side edits what the softmax of its eager attention takes and returns."""
    for number in subject.layers:
        yield from _acts_alike(subject, number, of_pattern(subject.spec, number))


@check("interventions.mlp", "Scaling gate, hidden activations or output of an MLP acts as in HF.")
def mlp(subject: Subject) -> Iterator[Evidence]:
    """One layer at a time."""
    for number in subject.layers:
        yield from _acts_alike(subject, number, of_mlp(subject.spec))


def _acts_alike(subject: Subject, number: int, edits: Iterable[Intervention]) -> Iterator[Evidence]:
    hf, path = subject.hf, subject.layers[number]
    batch, size = hf.batch(hf.length), head_dim(hf, subject.spec, path)
    for intervention in edits:
        hook, claim = intervention.hook, intervention.claim
        name = f"blocks.{number}.{hook}"
        if name not in subject.trace.existing:
            yield Fact(False, f"has no hook '{hook}' to edit", number, claim)
            continue
        theirs = hf_logits(hf, path, intervention, size)
        if not subject.overrides:
            # Under a config that the user asks for, such as a window of one token, it need not.
            matters = probe.changed(theirs, hf.seen.logits)
            yield Fact(matters, f"editing {hook} changes nothing in HF", number, claim)
        ours = bridges.edited_logits(subject.bridge, batch, name, intervention.edit)
        difference = largest_difference(ours, theirs)
        yield traced(subject, f"the output with {hook} edited", difference, number, claim)
