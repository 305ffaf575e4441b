"""Two adapters of one architecture, the generated one and TransformerLens' own, side by side."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

MEASURES = ("logits", "padded logits", "compatibility mode")
# Up to here values are equal. In compatibility mode TL computes some of them in float32.
EQUAL = {"logits": 1e-9, "padded logits": 1e-9, "compatibility mode": 1e-5}
# Log-probabilities further from HF's than this are wrong.
WRONG = 1e-4
Difference = float | str
"""How far a value is from HF's, or why there is none."""


@dataclass(frozen=True)
class Measured:
    """One adapter: the hooks that fire, those that never do, its distance from HF, and its size.

    Lines are those of its source with neither blanks nor comments, and of what that inherits from.
    """

    hooks: frozenset[str]
    silent: frozenset[str]
    differences: dict[str, Difference]
    lines: tuple[int, int]


@dataclass(frozen=True)
class Apart:
    """A hook on which the two adapters do not show the same.

    `ours` and `theirs` are distances from HF's value, None where HF has no such value. `shapes`
    says how the same values lie in the two, if that is all.
    """

    hook: str
    difference: float
    ours: float | None = None
    theirs: float | None = None
    shapes: str = ""

    @property
    def ours_is_closer(self) -> bool:
        """Whether HF says that the generated adapter is right, or as right as the other."""
        return self.ours is not None and self.theirs is not None and self.ours <= self.theirs

    @property
    def said(self) -> str:
        """How far, and what HF says."""
        apart = f"apart by {shown(self.difference)}"
        if self.ours is None or self.theirs is None:
            return f"{apart}; HF has no such value"
        return f"{apart}; from HF's value {shown(self.ours)}, TL's {shown(self.theirs)}"


@dataclass(frozen=True)
class Comparison:
    """The two adapters of one architecture.

    `named` are hooks of TL's alone that have another name in the generated adapter, with that name;
    `generated` is how many lines the generated module has.
    """

    spec: str
    architecture: str
    ours: Measured
    theirs: Measured
    apart: tuple[Apart, ...] = ()
    named: dict[str, str] = field(default_factory=dict)
    generated: int = 0

    @property
    def only_ours(self) -> list[str]:
        """Hooks that fire in the generated adapter alone, without the numbers of layers."""
        return unnumbered(self.ours.hooks - self.theirs.hooks)

    @property
    def only_theirs(self) -> list[str]:
        """Hooks that fire in TL's adapter alone."""
        return unnumbered(self.theirs.hooks - self.ours.hooks)

    @property
    def losses(self) -> list["Loss"]:
        """Everything in which TL's adapter shows more or is closer to HF."""
        found = [
            Loss(self.spec, hook, "in TL's adapter only", self.named.get(hook, ""))
            for hook in self.only_theirs
        ]
        for one in self.apart:
            if not one.ours_is_closer and not one.shapes:
                found.append(Loss(self.spec, one.hook, one.said))
        for measure in MEASURES:
            ours, theirs = self.ours.differences[measure], self.theirs.differences[measure]
            if is_worse(ours, theirs, EQUAL[measure]):
                found.append(Loss(self.spec, measure, f"{shown(ours)}, TL's {shown(theirs)}"))
        return found


@dataclass(frozen=True)
class Loss:
    """Something in which TL's adapter shows more or is closer: a hook, or one of `MEASURES`.

    `here` is what the generated adapter calls a hook of the same values, if it has one.
    """

    spec: str
    what: str
    said: str
    here: str = ""


def shown(difference: Difference) -> str:
    """A difference as the page shows it."""
    if isinstance(difference, str):
        return difference
    if difference == float("inf"):
        return "other shapes"
    return "0" if difference == 0 else f"{difference:.1e}"


def is_worse(ours: Difference, theirs: Difference, equal: float) -> bool:
    """Whether ours is further from HF, or refuses what TL's gets right."""
    if isinstance(theirs, str):
        return False
    if isinstance(ours, str):
        return theirs <= WRONG
    return ours > max(theirs, equal)


def unnumbered(hooks: Iterable[str]) -> list[str]:
    """Names of hooks without `blocks.` and the number of the layer, each once."""
    return sorted({re.sub(r"^blocks\.\d+\.", "", hook) for hook in hooks})
