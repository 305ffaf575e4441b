"""Requests to end: Ctrl-C, SIGTERM, and a terminal that hangs up."""

import signal
import sys
from types import FrameType

_REQUESTS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Interrupted(KeyboardInterrupt):
    """The run has been asked to end, by the signal of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def heed_requests() -> None:
    """Let each request end the run as Ctrl-C does, but for those that are ignored, as by nohup.

    While a run ends, further requests have no effect: they would keep it from tidying up.
    """
    for number in _REQUESTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def ignore_requests() -> None:
    """Nothing is left to do that could be interrupted."""
    for number in _REQUESTS:
        signal.signal(number, signal.SIG_IGN)


def exit_status(error: KeyboardInterrupt) -> int:
    """What a run ends with that was interrupted, as shells have it: 128 and the signal's number."""
    return 128 + (error.number if isinstance(error, Interrupted) else signal.SIGINT)


def _interrupt(number: int, frame: FrameType | None) -> None:
    ending = sys.exc_info()[1]
    while ending is not None:
        if isinstance(ending, Interrupted):
            return
        ending = ending.__context__
    raise Interrupted(number)
