"""How the mutants of one adapter are dealt out among processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """What the process of this number, counted from 0, has to do when there are so many."""

    number: int = 0
    processes: int = 1

    @property
    def first(self) -> bool:
        """Whether it also does what only one of them needs to do."""
        return self.number == 0

    def of(self, things: Sequence[T]) -> Sequence[T]:
        """Its part of things that are dealt out in turn."""
        return things[self.number :: self.processes]


ALONE = Share()


def shares(processes: int) -> list[Share]:
    """The shares of so many processes."""
    return [Share(number, processes) for number in range(processes)]
