"""Runs a task in a child process, and ends with it all that the task has started."""

import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import parent_process
from typing import Any

import psutil

from adaptergen.verify.descendants import adopt_orphans, end_descendants, memory
from adaptergen.verify.worker import Task, work

# How often the child is looked after, and how often its memory, in seconds.
_PERIOD, _MEMORY_PERIOD = 0.1, 1.0
# A killed process is gone at once, unless a device keeps it.
_PATIENCE = 5.0
_REQUESTS = ("SIGINT", "SIGTERM", "SIGHUP")


def supervise(
    task: Task[Any], gigabytes: float, folder: str, said: Connection, above: Connection
) -> None:
    """Run a task, whose messages go into `said`, and say in `above` how its process ended.

    Whatever the task has started ends with it, in a session of its own too, and all of it once
    `above` is closed at the other end, which the end of the process there does, whatever its cause.
    All of it together may take so many gigabytes on top of what this process takes, 0 for any.
    Temporary files go into the folder, which is gone afterwards.
    """
    _detach()
    if not hasattr(os, "fork"):
        threading.Thread(target=_end_with, args=(above,), daemon=True).start()
        work(task, gigabytes, folder, said)
    adopt_orphans()
    child = os.fork()
    if child == 0:
        above.close()
        _attend()
        work(task, gigabytes, folder, said)
    said.close()
    outcome = _Children(child, gigabytes).outcome(above)
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        if outcome:
            above.send(outcome)
        parent = parent_process()
        if parent and not parent.is_alive():
            # It was killed, and cannot remove it.
            os.rmdir(os.path.dirname(folder))


class _Children:
    """The child that runs the task, and others whose own parents have ended."""

    def __init__(self, child: int, gigabytes: float) -> None:
        self.child = child
        self.status: int | None = None
        self.itself = psutil.Process()
        self.gigabytes = gigabytes
        self.allowed = self.itself.memory_info().rss + gigabytes * 2**30

    def outcome(self, above: Connection) -> str:
        """How the child ended, once all have; empty if nobody wants to know any more."""
        try:
            return self._ended_by(above)
        finally:
            self._end_all()

    def _ended_by(self, above: Connection) -> str:
        looked = time.monotonic()
        while self._reap() and self.status is None:
            if wait([above], _PERIOD):
                return ""
            if self.gigabytes and time.monotonic() >= looked + _MEMORY_PERIOD:
                looked = time.monotonic()
                number, taken = memory(self.itself)
                if number > 1 and taken > self.allowed:
                    return f"its {number} processes took more than {self.gigabytes:g} GB together"
        return how(os.waitstatus_to_exitcode(self.status or 0))

    def _end_all(self) -> None:
        until = time.monotonic() + _PATIENCE
        while self._reap() and time.monotonic() < until:
            end_descendants(self.itself)

    def _reap(self) -> bool:
        """Whether there are any children left, without those that have ended."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self.child:
                    self.status = status
        return False


def how(exitcode: int | None) -> str:
    """How a process ended that has this exit code, which is negative for a signal."""
    if exitcode is not None and exitcode < 0:
        with suppress(ValueError):
            return f"the process was killed by {signal.Signals(-exitcode).name}"
    return f"the process ended with exit status {exitcode}"


def _detach() -> None:
    """Leave the terminal to the process above, which decides what Ctrl-C means."""
    for name in _REQUESTS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(os, "setsid"):
        os.setsid()
    # Whatever a module under test prints, also from C, belongs neither to the table nor beside it.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _attend() -> None:
    """Be a process like any other, apart from the one that supervises it."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _end_with(above: Connection) -> None:
    """End when the process above does: for systems where nothing else can see to it."""
    wait([above])
    os._exit(1)
