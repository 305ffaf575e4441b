"""Requests to end: Ctrl-C, SIGTERM, and a terminal that hangs up."""

import signal
import sys
from types import FrameType

_REQUESTS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# The code of Python that imports modules.
_IMPORTS = "<frozen importlib._bootstrap>"
# Seconds until what could not end the run is tried again; without such a clock, it is not.
_PAUSE = 0.01
_HAS_CLOCK = hasattr(signal, "setitimer")
_received: list[int] = []


def heed_requests() -> None:
    """Let each request end the run as Ctrl-C does, but for those that are ignored, as by nohup.

    While the run ends, further requests have no effect: they would keep it from tidying up.
    """
    if _HAS_CLOCK:
        signal.signal(signal.SIGALRM, _again)
        sys.unraisablehook = _lost
    for number in _REQUESTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def ignore_requests() -> None:
    """Nothing is left to do that could be interrupted."""
    for number in _REQUESTS:
        signal.signal(number, signal.SIG_IGN)
    if _HAS_CLOCK:
        signal.setitimer(signal.ITIMER_REAL, 0)


def requested() -> bool:
    """Whether the run has been asked to end; libraries may make an error of theirs of it."""
    return bool(_received)


def exit_status() -> int:
    """The exit status of an interrupted run, as shells have it: 128 and the signal's number."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Should it be lost where there is no clock, the next one counts.
    ending = bool(_received) and sys.exc_info()[1] is not None
    _received.append(number)
    if not ending:
        _again(number, frame)


def _again(number: int, frame: FrameType | None) -> None:
    """End the run, but no import: modules in C and Rust make crashes of an import that ends."""
    while frame and _HAS_CLOCK:
        if frame.f_code.co_filename == _IMPORTS:
            signal.setitimer(signal.ITIMER_REAL, _PAUSE)
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _lost(unraisable: "sys.UnraisableHookArgs") -> None:
    """End the run where that was tried in code that no exception leaves, such as `__del__`."""
    if _received and isinstance(unraisable.exc_value, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _PAUSE)
    else:
        sys.__unraisablehook__(unraisable)
