"""Does each layer rotate and see as far as the spec says?"""

from collections.abc import Iterator, Mapping

from adaptergen.components.attention.probe import probe_of
from adaptergen.components.attention.window import ConfigWindow, FlaggedWindow, SlidingLayersWindow
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.hf import HfModel, window_settings
from adaptergen.verify.layers import (
    exercised,
    flag_of_layers,
    reach_found,
    windows_claimed,
)
from adaptergen.verify.once import UnavailableError, once
from adaptergen.verify.perturb import shown
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
    yield from probe_of(subject.spec.attention).rotation_claims(subject)


@check(
    "claims.rope.pairing",
    "Elements of a head rotate in the declared pairs.",
    claim="attention.rope.pairing",
)
def rope_pairing(subject: Subject) -> Iterator[Evidence]:
    """Turning queries and keys in the same planes as RoPE does changes no attention score."""
    yield from probe_of(subject.spec.attention).pairing_claims(subject)


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
        yield from exercised(subject, some, lacking, "attention.window: none")
    elif isinstance(claimed, FlaggedWindow | SlidingLayersWindow):
        flag = getattr(claimed, "flag", "is_sliding")
        known = any(value is not None for value in flag_of_layers(subject, flag).values())
        if not subject.overrides:
            yield Fact(known, f"HF's attention has no attribute '{flag}' in any layer")
        both = len({seen == hf.length for seen in found.values()}) == 2
        lacking = "no layers of both kinds, with a window and without"
        yield from exercised(subject, both, lacking, "attention.window: none")
    else:
        yield from _no_hidden_window(subject)
    yield from probe_of(subject.spec.attention).mask_claims(subject)
    for number, seen in found.items():
        expected = min(windows[number] or hf.length, hf.length)
        text = f"sees {seen} of {hf.length} tokens in HF, not {expected}"
        yield Fact(seen == expected, text, number)


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
