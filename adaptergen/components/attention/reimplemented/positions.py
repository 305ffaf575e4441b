"""Do layers rotate, and see tokens, as attention that TL computes step by step says?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch import Tensor

from adaptergen.components.attention.reimplemented.rotation import elements_turning
from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.components.attention.rope import (
    FlaggedLayers,
    HandedLayers,
    HybridSlidingLayers,
    Rope,
)
from adaptergen.verify.check import Evidence, Fact, NotApplicableError
from adaptergen.verify.handed import (
    MASK,
    POSITIONS,
    argument_of_mask,
    argument_of_positions,
    handed_mask,
    hides,
)
from adaptergen.verify.layers import exercised, flag_of_layers, reach_found, rotation_found
from adaptergen.verify.positions import USUAL, positions_of

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject


def rotating(attention: ReimplementedAttention, subject: "Subject") -> dict[int, bool]:
    """Layers that rotate, by the spec."""
    policy = attention.rope.layers
    if isinstance(policy, FlaggedLayers):
        return {n: bool(value) for n, value in flag_of_layers(subject, policy.flag).items()}
    if isinstance(policy, HybridSlidingLayers):
        slides, windows = (flag_of_layers(subject, f) for f in ("is_sliding", "sliding_window"))
        return {n: bool(slides[n]) or windows[n] is None for n in subject.layers}
    if isinstance(policy, HandedLayers):
        found = {n: positions_of(subject.hf, path) for n, path in subject.layers.items()}
        return {n: one is not None and not one.source for n, one in found.items()}
    return dict.fromkeys(subject.layers, True)


def layers(attention: ReimplementedAttention, subject: "Subject") -> Iterator[Evidence]:
    """Whether those layers rotate that the spec says."""
    policy = attention.rope.layers
    found, claimed = rotation_found(subject), rotating(attention, subject)
    if isinstance(policy, FlaggedLayers):
        yield from _has_attribute(attention, subject, policy.flag)
    if not policy.every_layer:
        both = len(set(found.values())) == 2
        lacking = "no layers of both kinds, rotating and NoPE"
        yield from exercised(subject, both, lacking, "attention.rope.layers: all")
    for number, rotates in found.items():
        does = "rotates" if rotates else "does not rotate"
        text = f"{does} in HF, against the policy '{policy.word}'"
        # Turned or not, a layer that sees one token alone returns its value.
        unseen = not rotates and reach_found(subject)[number] == 1
        yield Fact(unseen or rotates == claimed[number], text, number)
        yield from _computed(attention, subject, number)


def _has_attribute(
    attention: ReimplementedAttention, subject: "Subject", name: str
) -> Iterator[Evidence]:
    for number, path in subject.below(attention.path):
        exists = hasattr(subject.hf.module(path), name)
        yield Fact(exists, f"HF's attention has no attribute '{name}'", number)


def _computed(
    declared: ReimplementedAttention, subject: "Subject", number: int
) -> Iterator[Evidence]:
    """Whether cosines and sines of a layer come from where the spec says."""
    rope = declared.rope
    attention = f"{subject.layers[number]}.{declared.path}"
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


def pairing(attention: ReimplementedAttention, subject: "Subject") -> Iterator[Evidence]:
    """Whether elements of a head rotate in the declared pairs."""
    hf, spec, claimed = subject.hf, subject.spec, attention.rope.pairing
    rotating = [number for number, rotates in rotation_found(subject).items() if rotates]
    if not rotating:
        raise NotApplicableError("no layer of HF rotates with this config")
    for number in rotating:
        layer = subject.layers[number]
        turning = elements_turning(hf, spec, attention, layer)
        yield Fact(turning > 0, f"does not pair elements as '{claimed}' says in HF", number)
        positions = positions_of(hf, layer)
        if positions is None:
            continue
        yield from _laid_out(claimed, positions.cos, number)
        if turning:
            yield _counted(attention.rope, positions.cos.shape[-1], turning, number)


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


def masks(attention: ReimplementedAttention, subject: "Subject") -> Iterator[Evidence]:
    """Whether layers are handed a mask of queries and keys, as the spec says."""
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
