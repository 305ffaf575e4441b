"""Runs a task in a process of its own, with limits, and hears what it says."""

import multiprocessing
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from adaptergen.errors import Unusable
from adaptergen.verify.worker import PRELOADED, Doing, Done, Ready, Task, end_group, work

T = TypeVar("T")

# Where processes start from scratch, each imports torch first; that is no fault of the task.
_IMPORTING = 120.0


class Process:
    """A process that runs a task, and may take so many seconds and gigabytes: 0 for any.

    The task and what it returns travel between processes, so both can be pickled. Its temporary
    files go into `folder`.
    """

    def __init__(self, task: Task[Any], gigabytes: float, seconds: float, folder: str) -> None:
        self._pipe, theirs = _pipe()
        given = (task, gigabytes, folder, theirs)
        context: Any = _context()
        self._process: BaseProcess = context.Process(target=work, args=given, daemon=True)
        self._process.start()
        theirs.close()
        self._limit = seconds
        self._began = time.monotonic()
        self._ready = False
        self._doing = ""

    @property
    def seconds(self) -> float:
        """How long it has run, imports apart."""
        return time.monotonic() - self._began

    @property
    def _deadline(self) -> float:
        if not self._limit:
            return float("inf")
        return self._began + (self._limit if self._ready else max(self._limit, _IMPORTING))

    def heard(self, doing: Callable[[str], None]) -> Done | None:
        """The end of the task, if it has come; `doing` hears what it is about to do."""
        # Asked first: what it said before it ended is still to be read.
        alive = self._process.is_alive()
        try:
            while self._pipe.poll():
                match self._pipe.recv():
                    case Ready():
                        self._began, self._ready = time.monotonic(), True
                    case Doing(what):
                        self._doing = what
                        doing(what)
                    case Done() as done:
                        return done
        except (EOFError, OSError):
            alive = False
        if not alive:
            self._process.join(timeout=1)
            return self._stopped(_how(self._process.exitcode))
        if time.monotonic() >= self._deadline:
            return self._stopped(f"stopped after {self.seconds:.0f} s")
        return None

    def _stopped(self, reason: str) -> Done:
        """The end of a task that did not end by itself."""
        return Done(stopped=f"{reason}, in {self._doing}" if self._doing else reason)

    def end(self) -> None:
        """Stop it, and what it has started, whether it is done or not."""
        if self._process.pid is not None:
            end_group(self._process.pid)
        self._process.kill()
        self._process.join()
        self._pipe.close()

    @staticmethod
    def wait(running: "Sequence[Process]") -> None:
        """Until one of them has something to say, ends, or has no time left."""
        events = [event for one in running for event in (one._pipe, one._process.sentinel)]
        left = min(one._deadline for one in running) - time.monotonic()
        wait(events, None if left == float("inf") else max(0.0, left))


def run_alone(
    name: str,
    task: Task[T],
    gigabytes: float,
    seconds: float,
    progress: Callable[[str], None] = lambda line: None,
) -> T:
    """What a task of that name returns, run in a process of its own; none is left behind.

    Raises:
        Failure: if it meets a user's mistake.
        Unusable: if it does not live to return, or cannot be done as it was asked for.
    """
    with tempfile.TemporaryDirectory(prefix="adaptergen-") as folder, ended_by_signals():
        process = Process(task, gigabytes, seconds, folder)
        try:
            while not (done := process.heard(progress)):
                Process.wait([process])
        finally:
            process.end()
    if done.mistake:
        raise done.mistake
    if done.stopped:
        hint = "--timeout and --memory say how much it may take"
        raise Unusable(f"{name}: {done.stopped}", hint)
    result: T = done.result
    return result


def _pipe() -> tuple[Connection, Connection]:
    ours, theirs = _context().Pipe(duplex=False)
    return ours, theirs


def _context() -> BaseContext:
    """How processes are made: forked from one that has imported torch and done nothing else."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    return context


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with suppress(ValueError):
            return f"the process was killed by {signal.Signals(-exitcode).name}"
    return f"the process ended with exit status {exitcode}"


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """A request to terminate ends the run as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:
        # Signals belong to the main thread.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
