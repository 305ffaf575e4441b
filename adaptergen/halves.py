"""Work on many things by two processes, where the system has processors for both and can fork."""

import os
import signal
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Of fewer things than these, the work takes less than to hand over what comes of it.
_MANY = 100


def by_halves(work: Callable[[Sequence[Item]], Result], items: Sequence[Item]) -> list[Result]:
    """The results of the first and the second half of many items; of few, one of all."""
    # Only Linux tells which processors there are for this process.
    processors = getattr(os, "sched_getaffinity", lambda _: ())(0)
    if len(items) < _MANY or len(processors) < 2:
        return [work(items)]
    half = len(items) // 2
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _hand_over(work, items[half:], writer)
    os.close(writer)
    try:
        with open(reader, "rb") as pipe:
            first = work(items[:half])
            handed = pipe.read()
    finally:
        # It is no more needed, or it has ended.
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    import pickle

    # Whatever kept the other from its work will be met here, and reported.
    return [first, pickle.loads(handed) if handed else work(items[half:])]


def _hand_over(
    work: Callable[[Sequence[Item]], Result], items: Sequence[Item], writer: int
) -> NoReturn:
    """Work in a forked process, and end it: nothing that its parent has to close is its own."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        import pickle

        handed = pickle.dumps(work(items), pickle.HIGHEST_PROTOCOL)
        with open(writer, "wb") as pipe:
            pipe.write(handed)
    finally:
        os._exit(0)
