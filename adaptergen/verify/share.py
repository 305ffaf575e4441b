"""How the mutants of one adapter are dealt out among processes."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """The share of one of several processes, counted from 0.

    `taken` is a folder that the processes have in common, to note in it what one of them does. It
    need not exist; the path is empty if there is one process alone.
    """

    number: int = 0
    taken: str = ""

    @property
    def first(self) -> bool:
        """Whether it also does what only one of them needs to do."""
        return self.number == 0

    def of(self, things: Sequence[T]) -> Iterator[T]:
        """Those of the things that no other process has taken by the time this one is ready.

        Some things take much longer than others, so that dealing them out in advance would not do.
        """
        for number, thing in enumerate(things):
            if self._takes(number):
                yield thing

    def _takes(self, number: int) -> bool:
        if not self.taken:
            return True
        try:
            # Of all that try, one succeeds.
            os.makedirs(os.path.join(self.taken, str(number)))
        except FileExistsError:
            return False
        return True


ALONE = Share()


def shares(processes: int, taken: str) -> list[Share]:
    """The shares of so many processes."""
    return [Share(number, taken) for number in range(processes)] if processes > 1 else [ALONE]
