"""Per-layer policies: what the spec claims of each layer, and what probing HF's model finds."""

from collections.abc import Iterator
from typing import Any

from adaptergen.components.attention.probe import probe_of
from adaptergen.components.attention.window import ConfigWindow, FlaggedWindow, SlidingLayersWindow
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact
from adaptergen.verify.positions import rotates
from adaptergen.verify.record import LayerFacts
from adaptergen.verify.subject import Subject


def flag_of_layers(subject: Subject, name: str) -> dict[int, Any]:
    """An attribute of each layer's attention module; None where it is missing."""
    path = subject.spec.attention.path
    return {n: getattr(subject.hf.module(p), name, None) for n, p in subject.below(path)}


def rotation_claimed(subject: Subject) -> dict[int, bool]:
    """Layers that rotate, by the spec."""
    return probe_of(subject.spec.attention).rotating(subject)


def rotation_found(subject: Subject) -> dict[int, bool]:
    """Layers that rotate, by what they compute."""
    return {n: rotates(subject.hf, path) for n, path in subject.layers.items()}


def windows_claimed(subject: Subject) -> dict[int, int | None]:
    """How many tokens each layer sees by the spec, None for all."""
    claimed = subject.spec.attention.window
    if isinstance(claimed, ConfigWindow):
        return dict.fromkeys(subject.layers, getattr(subject.hf.config, claimed.config, None))
    if isinstance(claimed, FlaggedWindow):
        return {n: value or None for n, value in flag_of_layers(subject, claimed.flag).items()}
    if isinstance(claimed, SlidingLayersWindow):
        slides, windows = (flag_of_layers(subject, f) for f in ("is_sliding", "sliding_window"))
        return {n: windows[n] if slides[n] else None for n in subject.layers}
    return dict.fromkeys(subject.layers)


def reach_found(subject: Subject) -> dict[int, int]:
    """How many tokens the last position of each layer sees in the main pass."""
    return {n: probe.reach(subject.hf, path) for n, path in subject.layers.items()}


def layer_facts(subject: Subject) -> tuple[LayerFacts, ...]:
    """Claims and findings of every layer.

    Nothing where attention is not reimplemented, or HF's model does not get that far.
    """
    try:
        rotates, rotating = rotation_claimed(subject), rotation_found(subject)
        windows, reached = windows_claimed(subject), reach_found(subject)
    except Exception:
        # Checks of the claims say why.
        return ()
    length = subject.hf.length

    def limited(tokens: int | None) -> int | None:
        return None if tokens is None or tokens >= length else tokens

    return tuple(
        LayerFacts(n, rotates[n], rotating[n], limited(windows[n]), limited(reached[n]))
        for n in subject.layers
    )


def exercised(subject: Subject, holds: bool, lacking: str, without: str) -> Iterator[Evidence]:
    """A policy is tested only by a model that has layers of both kinds.

    The spec's own tiny model must have them; a config that the user asks for need not.
    """
    if not subject.overrides:
        text = f"the tiny model has {lacking}: set keys of its config in `tiny` that change that"
        yield Fact(holds, f"{text}, or write `{without}`")
