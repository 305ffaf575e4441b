"""Does each layer rotate and see as far as the spec says?"""

from collections.abc import Iterator

import torch

from adaptergen.spec.rope import FlaggedLayers
from adaptergen.spec.window import ConfigWindow, FlaggedWindow
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, NotApplicableError, check
from adaptergen.verify.hf import HfModel, window_settings
from adaptergen.verify.layers import (
    reach_found,
    rotation_claimed,
    rotation_found,
    windows_claimed,
)
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.stages import head_dim, readers_of_rotation
from adaptergen.verify.subject import Subject


@check(
    "claims.rope.layers",
    "The layers that rotate are those that the spec says.",
    claim="attention.rope.layers",
)
def rope_layers(subject: Subject) -> Iterator[Evidence]:
    """A layer rotates if its output depends on the cosines and sines that it is handed.

    One that sees a single token attends to it in any case, and shows nothing.
    """
    policy = subject.spec.attention.rope.layers
    found, claimed = rotation_found(subject), rotation_claimed(subject)
    if isinstance(policy, FlaggedLayers):
        yield from _has_attribute(subject, policy.flag)
        both = len(set(found.values())) == 2
        yield from _exercised(subject, both, "rotating and NoPE layers")
    seen = reach_found(subject)
    telling = {n: rotates for n, rotates in found.items() if seen[n] > 1}
    if not telling:
        raise NotApplicableError("every layer of HF sees a single token with this config")
    for number, rotates in telling.items():
        does = "rotates" if rotates else "does not rotate"
        text = f"{does} in HF, against the policy '{policy.word}'"
        yield Fact(rotates == claimed[number], text, number)


@check(
    "claims.rope.pairing",
    "Elements of a head rotate in the declared pairs.",
    claim="attention.rope.pairing",
)
def rope_pairing(subject: Subject) -> Iterator[Evidence]:
    """Turning queries and keys in the same planes as RoPE does changes no attention score."""
    hf, spec = subject.hf, subject.spec
    rotating = {n: path for n, path in subject.layers.items() if probe.rotates(hf, path)}
    if not rotating:
        raise NotApplicableError("no layer of HF rotates with this config")
    for number, path in rotating.items():
        size = head_dim(hf, spec, path)
        readers = dict.fromkeys(readers_of_rotation(spec, path), size)
        half = torch.arange(size // 2)
        pairs = torch.stack((half, half + size // 2), dim=1)
        commutes = probe.commutes_with_rotation(hf, f"{path}.{spec.attention.path}", readers, pairs)
        yield Fact(commutes, "does not pair element i with i + d_head/2 in HF", number)


@check(
    "claims.window", "Each layer sees as many tokens as the spec says.", claim="attention.window"
)
def window(subject: Subject) -> Iterator[Evidence]:
    """The gradient at the last position shows which tokens it depends on."""
    hf, claimed = subject.hf, subject.spec.attention.window
    found, windows = reach_found(subject), windows_claimed(subject)
    if isinstance(claimed, ConfigWindow):
        known = hasattr(hf.config, claimed.config)
        yield Fact(known, f"HF's config has no key '{claimed.config}'")
        some = min(found.values()) < hf.length
        yield from _exercised(subject, some, "layers that do not see everything")
    elif isinstance(claimed, FlaggedWindow):
        yield from _has_attribute(subject, claimed.flag)
        both = len({seen == hf.length for seen in found.values()}) == 2
        yield from _exercised(subject, both, "layers with and without a window")
    else:
        yield from _no_hidden_window(subject)
    for number, seen in found.items():
        expected = min(windows[number] or hf.length, hf.length)
        text = f"sees {seen} of {hf.length} tokens in HF, not {expected}"
        yield Fact(seen == expected, text, number)


def _has_attribute(subject: Subject, name: str) -> Iterator[Evidence]:
    for number, path in subject.below(subject.spec.attention.path):
        exists = hasattr(subject.hf.module(path), name)
        yield Fact(exists, f"HF's attention has no attribute '{name}'", number)


def _exercised(subject: Subject, holds: bool, what: str) -> Iterator[Evidence]:
    """A policy is tested only by a model that has layers of both kinds.

    The spec's own tiny model must have them; a config that the user asks for need not.
    """
    if not subject.overrides:
        text = f"the tiny model does not have {what}: set its config so that it has"
        yield Fact(holds, text, claim="tiny")


def _no_hidden_window(subject: Subject) -> Iterator[Evidence]:
    """A window longer than the text stays unseen, so config keys that look like one are set."""
    hf = subject.hf
    narrow: dict[str, object] = {
        key: True if isinstance(value, bool) else 8
        for key, value in window_settings(hf.config).items()
    }
    if not narrow:
        return
    try:
        other = HfModel(hf.architecture, {**hf.settings, **narrow})
        seen = {n: probe.reach(other, path, other.call(path)) for n, path in subject.layers.items()}
    except UnavailableError:
        return
    shown = ", ".join(f"{key}={value}" for key, value in narrow.items())
    for number, tokens in seen.items():
        text = f"sees {tokens} of {other.length} tokens in HF with {shown}"
        yield Fact(tokens == other.length, text, number)
