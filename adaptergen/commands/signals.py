"""Requests to end: Ctrl-C, SIGTERM, and a terminal that hangs up."""

import signal
import sys
from types import FrameType

_REQUESTS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_received: list[int] = []


def heed_requests() -> None:
    """Let each request end the run as Ctrl-C does, but for those that are ignored, as by nohup.

    While the run ends, further requests have no effect: they would keep it from tidying up.
    """
    for number in _REQUESTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def ignore_requests() -> None:
    """Nothing is left to do that could be interrupted."""
    for number in _REQUESTS:
        signal.signal(number, signal.SIG_IGN)


def requested() -> bool:
    """Whether the run has been asked to end; libraries may make an error of theirs of it."""
    return bool(_received)


def exit_status() -> int:
    """The exit status of an interrupted run, as shells have it: 128 and the signal's number."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # If it was lost in code that no exception leaves, the next one counts.
    ending = bool(_received) and sys.exc_info()[1] is not None
    _received.append(number)
    if not ending:
        raise KeyboardInterrupt
