"""Does each layer rotate and see as far as the spec says?"""

import inspect
from collections.abc import Iterator, Mapping

from torch import Tensor

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.opaque.spec import OpaqueAttention
from adaptergen.components.attention.reimplemented.rotation import elements_turning
from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.components.attention.rope import FlaggedLayers, Rope
from adaptergen.components.attention.window import ConfigWindow, FlaggedWindow, SlidingLayersWindow
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, NotApplicableError, check
from adaptergen.verify.handed import (
    MASK,
    POSITIONS,
    argument_of_mask,
    argument_of_positions,
    handed_mask,
    hides,
)
from adaptergen.verify.hf import HfModel, window_settings
from adaptergen.verify.layers import (
    flag_of_layers,
    reach_found,
    rotation_claimed,
    rotation_found,
    windows_claimed,
)
from adaptergen.verify.once import UnavailableError, once
from adaptergen.verify.perturb import shown
from adaptergen.verify.positions import USUAL, positions_of
from adaptergen.verify.subject import Subject


@check(
    "claims.rope.layers",
    "The layers that rotate are those that the spec says.",
    claim="attention.rope.layers",
)
def rope_layers(subject: Subject) -> Iterator[Evidence]:
    """A layer rotates if its output depends on its cosines and sines.

    Of attention that HF computes, the spec says no more than whether it rotates.
    """
    attention = subject.spec.attention
    if isinstance(attention, DelegatedAttention | OpaqueAttention):
        if "position_ids" not in inspect.signature(subject.hf.model.forward).parameters:
            raise NotApplicableError("HF's model takes no positions")
        turns = probe.turns(subject.hf)
        text = f"HF's attention {'turns' if turns else 'does not turn'} with positions"
        yield Fact(turns == attention.rotary, text, claim="attention.rotary")
        return
    policy = subject.reimplemented.rope.layers
    found, claimed = rotation_found(subject), rotation_claimed(subject)
    if isinstance(policy, FlaggedLayers):
        yield from _has_attribute(subject, policy.flag)
    if not policy.every_layer:
        both = len(set(found.values())) == 2
        lacking = "no layers of both kinds, rotating and NoPE"
        yield from _exercised(subject, both, lacking, "attention.rope.layers: all")
    for number, rotates in found.items():
        does = "rotates" if rotates else "does not rotate"
        text = f"{does} in HF, against the policy '{policy.word}'"
        # Turned or not, a layer that sees one token alone returns its value.
        unseen = not rotates and reach_found(subject)[number] == 1
        yield Fact(unseen or rotates == claimed[number], text, number)
        yield from _computed(subject, number)


def _computed(subject: Subject, number: int) -> Iterator[Evidence]:
    """Whether cosines and sines of a layer come from where the spec says."""
    rope = subject.reimplemented.rope
    attention = f"{subject.layers[number]}.{subject.spec.attention.path}"
    positions = positions_of(subject.hf, attention)
    if positions is None:
        return
    claim = "attention.rope"
    source, claimed = positions.source.removeprefix(f"{attention}."), rope.module or ""
    text = f"HF's {source or 'model'} computes cosines and sines, not {claimed or 'the model'}"
    yield Fact(source == claimed, text, number, claim=f"{claim}.module")
    if not source:
        handed, claimed = positions.argument, rope.argument or USUAL
        text = f"HF hands attention cosines and sines as {handed}, not as {claimed}"
        yield Fact(handed == claimed, text, number, claim=f"{claim}.argument")
    else:
        handed = argument_of_positions(subject.hf, attention) or POSITIONS
        claimed = rope.positions or POSITIONS
        text = f"HF hands attention its positions as {handed}, not as {claimed}"
        yield Fact(handed == claimed, text, number, claim=f"{claim}.positions")
    if source and rope.argument:
        text = f"HF hands attention no {rope.argument}: {source} computes cosines and sines"
        yield Fact(False, text, number, claim=f"{claim}.argument")
    if rope.positions and not source:
        text = f"HF's attention computes no cosines and sines from {rope.positions}"
        yield Fact(False, text, number, claim=f"{claim}.positions")
    if rope.length or positions.length:
        asked, claimed = positions.length or "positions", rope.length or "positions"
        text = f"HF asks {source or 'no module of attention'} for {asked}, not for {claimed}"
        yield Fact(asked == claimed, text, number, claim=f"{claim}.length")


@check(
    "claims.rope.pairing",
    "Elements of a head rotate in the declared pairs.",
    claim="attention.rope.pairing",
)
def rope_pairing(subject: Subject) -> Iterator[Evidence]:
    """Turning queries and keys in the same planes as RoPE does changes no attention score."""
    hf, spec, claimed = subject.hf, subject.spec, subject.reimplemented.rope.pairing
    rotating = [number for number, rotates in rotation_found(subject).items() if rotates]
    if not rotating:
        raise NotApplicableError("no layer of HF rotates with this config")
    for number in rotating:
        layer = subject.layers[number]
        turning = elements_turning(hf, spec, subject.reimplemented, layer)
        yield Fact(turning > 0, f"does not pair elements as '{claimed}' says in HF", number)
        positions = positions_of(hf, layer)
        if positions is None:
            continue
        yield from _laid_out(claimed, positions.cos, number)
        if turning:
            yield _counted(subject.reimplemented.rope, positions.cos.shape[-1], turning, number)


def _laid_out(claimed: str, cos: Tensor, number: int) -> Iterator[Evidence]:
    """`interleaved` says that cosines come in pairs, one for each element."""
    if claimed != "half":
        in_pairs = bool((cos[..., 0::2] == cos[..., 1::2]).all())
        does = "come" if in_pairs else "do not come"
        text = f"HF's cosines {does} in the order of the elements"
        yield Fact(in_pairs == (claimed == "interleaved"), text, number)


def _counted(rope: Rope, cosines: int, turning: int, number: int) -> Evidence:
    """Whether there are as many cosines as the spec says for the elements that rotate."""
    expected = turning // 2 if rope.per_pair else turning
    text = f"rotates {turning} elements of a head by {cosines} cosines in HF, not by {expected}"
    return Fact(cosines == expected, text, number, claim="attention.rope.cosines")


@check(
    "claims.window", "Each layer sees as many tokens as the spec says.", claim="attention.window"
)
def window(subject: Subject) -> Iterator[Evidence]:
    """The gradient at the last position shows which tokens it depends on."""
    hf, claimed = subject.hf, subject.spec.attention.window
    found, windows = reach_found(subject), windows_claimed(subject)
    if isinstance(claimed, ConfigWindow):
        some = min(found.values()) < hf.length
        lacking = "no layer with a window shorter than its text"
        yield from _exercised(subject, some, lacking, "attention.window: none")
    elif isinstance(claimed, FlaggedWindow | SlidingLayersWindow):
        flag = getattr(claimed, "flag", "is_sliding")
        known = any(value is not None for value in flag_of_layers(subject, flag).values())
        if not subject.overrides:
            yield Fact(known, f"HF's attention has no attribute '{flag}' in any layer")
        both = len({seen == hf.length for seen in found.values()}) == 2
        lacking = "no layers of both kinds, with a window and without"
        yield from _exercised(subject, both, lacking, "attention.window: none")
    else:
        yield from _no_hidden_window(subject)
    yield from _masks(subject)
    for number, seen in found.items():
        expected = min(windows[number] or hf.length, hf.length)
        text = f"sees {seen} of {hf.length} tokens in HF, not {expected}"
        yield Fact(seen == expected, text, number)


def _has_attribute(subject: Subject, name: str) -> Iterator[Evidence]:
    for number, path in subject.below(subject.spec.attention.path):
        exists = hasattr(subject.hf.module(path), name)
        yield Fact(exists, f"HF's attention has no attribute '{name}'", number)


def _exercised(subject: Subject, holds: bool, lacking: str, without: str) -> Iterator[Evidence]:
    """A policy is tested only by a model that has layers of both kinds.

    The spec's own tiny model must have them; a config that the user asks for need not.
    """
    if not subject.overrides:
        text = f"the tiny model has {lacking}: set keys of its config in `tiny` that change that"
        yield Fact(holds, f"{text}, or write `{without}`")


def _masks(subject: Subject) -> Iterator[Evidence]:
    """Whether layers are handed a mask of queries and keys, as the spec says."""
    attention = subject.spec.attention
    if not isinstance(attention, ReimplementedAttention):
        return
    for number, path in subject.below(attention.path):
        mask = handed_mask(subject.hf, path)
        own = mask is None
        text = "HF's attention makes its own mask" if own else "HF hands attention its mask"
        yield Fact(own == attention.own_mask, text, number, claim="attention.own_mask")
        hiding = mask is not None and hides(mask)
        text = f"HF's mask is true of what is {'not ' if hiding else ''}seen"
        yield Fact(hiding == attention.mask_hides, text, number, claim="attention.mask_hides")
        claimed = attention.mask_argument or MASK
        handed = argument_of_mask(subject.hf, path) or MASK
        text = f"HF hands attention its mask as {handed}, not as {claimed}"
        yield Fact(handed == claimed, text, number, claim="attention.mask_argument")


def _no_hidden_window(subject: Subject) -> Iterator[Evidence]:
    """A window longer than the text stays unseen, so config keys that look like one are set."""
    hf = subject.hf
    narrow: dict[str, object] = {
        key: True if isinstance(value, bool) else 8
        for key, value in window_settings(hf.config).items()
    }
    if not narrow:
        return
    other = _narrow(hf, narrow)
    try:
        other.require_pass()
    except UnavailableError:
        return
    for number, path in subject.layers.items():
        tokens = probe.reach(other, path)
        text = f"sees {tokens} of {other.length} tokens in HF with {shown(narrow)}"
        yield Fact(tokens == other.length, text, number)


@once("HF's model with {narrow}")
def _narrow(hf: HfModel, narrow: Mapping[str, object]) -> HfModel:
    return HfModel(hf.architecture, {**hf.settings, **narrow})
