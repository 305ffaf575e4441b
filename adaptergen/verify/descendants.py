"""Descendants of a process, found and ended."""

import ctypes
import sys
import time
from collections.abc import Collection, Iterable
from contextlib import suppress

import psutil

# Of linux/prctl.h.
_PR_SET_CHILD_SUBREAPER = 36
# A killed process is gone at once, unless a device keeps it.
_PATIENCE = 5.0


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parents end; Linux only.

    Otherwise what a process has started and left could not be found below this one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_tree(root: psutil.Process) -> None:
    """Kill a process and all that it has started."""
    _each("suspend", [root])
    end_descendants(root)
    _each("kill", [root])


def end_descendants(root: psutil.Process, spared: Collection[int] = ()) -> None:
    """Kill all that a process has started, but for some, and what these have started.

    Elsewhere than on Linux, those are missed whose own parents have ended.
    """
    found = _stopped(root, spared)
    _each("kill", found)
    until = time.monotonic() + _PATIENCE
    while any(map(_lives, found)) and time.monotonic() < until:
        time.sleep(0.002)


def memory(root: psutil.Process) -> tuple[int, int]:
    """How many processes there are below this one, and how many bytes they hold together.

    What several hold in common counts once, where the system tells.
    """
    below, held = _below(root), 0
    for one in below:
        with suppress(psutil.Error):
            counts = one.memory_full_info() if len(below) > 1 else one.memory_info()
            held += getattr(counts, "pss", counts.rss)
    return len(below), held


def _stopped(root: psutil.Process, spared: Collection[int]) -> list[psutil.Process]:
    """All below a process, stopped: what is stopped starts no others that would be missed."""
    found: list[psutil.Process] = []
    seen = set(spared)
    in_vain = 0
    # A parent that ends while it is looked for hides its children from that one look.
    while in_vain < 2:
        new = [one for one in _below(root) if one.pid not in seen]
        _each("suspend", new)
        found += new
        seen |= {one.pid for one in new}
        in_vain = 0 if new else in_vain + 1
    return found


def _below(root: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = root.children(recursive=True)
    except psutil.Error:
        return []
    return found


def _lives(process: psutil.Process) -> bool:
    try:
        # A zombie with threads is none that can be waited for: these are still ending.
        ended = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        return bool(process.is_running() and not ended)
    except psutil.Error:
        return False


def _each(action: str, processes: Iterable[psutil.Process]) -> None:
    for one in processes:
        with suppress(psutil.Error):
            getattr(one, action)()
