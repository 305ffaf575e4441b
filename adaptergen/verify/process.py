"""Runs a task in a process of its own, with limits, and hears what it says."""

import multiprocessing
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

import psutil

from adaptergen.errors import Unusable
from adaptergen.temporary import WITH_SOCKETS, temporary_folder
from adaptergen.verify.descendants import adopt_orphans, end_descendants, end_tree
from adaptergen.verify.supervisor import how, supervise
from adaptergen.verify.worker import PRELOADED, Doing, Done, Message, Ready, Task

T = TypeVar("T")

# Where processes start from scratch, each imports torch first; that is no fault of the task.
_IMPORTING = 120.0
# How long a supervisor may take to end what its task has started.
_PATIENCE = 10.0


class Process:
    """A process that runs a task, and may take so many seconds and gigabytes: 0 for any.

    A supervisor ends with it what it has started. The task and what it returns travel between
    processes, so both can be pickled. Temporary files go into a folder made in `folder`.
    """

    def __init__(self, task: Task[Any], gigabytes: float, seconds: float, folder: str) -> None:
        adopt_orphans()
        context: Any = _context()
        self._said, said = context.Pipe(duplex=False)
        self._supervisor, above = context.Pipe()
        given = (task, gigabytes, tempfile.mkdtemp(dir=folder), said, above)
        self._process: BaseProcess = context.Process(target=supervise, args=given)
        self._process.start()
        said.close()
        above.close()
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
        # Asked first: what the task said before it ended is still to be read.
        ended = self._ended()
        while message := self._next():
            match message:
                case Ready():
                    self._began, self._ready = time.monotonic(), True
                case Doing(what):
                    self._doing = what
                    doing(what)
                case Done():
                    return message
        if ended:
            return self._stopped(ended)
        if time.monotonic() >= self._deadline:
            return self._stopped(f"stopped after {self.seconds:.0f} s")
        return None

    def _next(self) -> Message | None:
        """Messages of the task that nobody has read yet."""
        try:
            if not self._said.closed and self._said.poll():
                message: Message = self._said.recv()
                return message
        except Exception:
            # It has ended, or a module under test has written there or closed it.
            self._said.close()
        return None

    def _ended(self) -> str:
        """How the task's process ended; empty as long as it has not."""
        with suppress(EOFError, OSError):
            if self._supervisor.poll():
                return str(self._supervisor.recv())
        if self._process.is_alive():
            return ""
        self._process.join(timeout=1)
        return how(self._process.exitcode)

    def _stopped(self, reason: str) -> Done:
        """The end of a task that did not end by itself."""
        return Done(stopped=f"{reason}, in {self._doing}" if self._doing else reason)

    def end(self) -> None:
        """Stop it, and what it has started, whether it is done or not."""
        self._supervisor.close()
        self._process.join(_PATIENCE)
        with suppress(psutil.NoSuchProcess):
            # Once the server that forked it is gone, multiprocessing takes it for ended.
            supervisor = psutil.Process(self._process.pid)
            try:
                supervisor.wait(_PATIENCE)
            except psutil.TimeoutExpired:
                end_tree(supervisor)
        self._said.close()

    @staticmethod
    def wait(running: "Sequence[Process]") -> None:
        """Until one of them has something to say, ends, or has no time left."""
        events: list[Connection | int] = [one._process.sentinel for one in running]
        events += [one._supervisor for one in running]
        events += [one._said for one in running if not one._said.closed]
        left = min(one._deadline for one in running) - time.monotonic()
        wait(events, None if left == float("inf") else max(0.0, left))


def run_alone(
    name: str,
    task: Task[T],
    gigabytes: float,
    seconds: float,
    progress: Callable[[str], None] = lambda line: None,
) -> T:
    """The result of the task of that name, run in a process of its own; none is left behind.

    Raises:
        Failure: if it meets a user's mistake.
        Unusable: if it does not live to return, or cannot be done as it was asked for.
    """
    with temporary_folder() as folder:
        process = Process(task, gigabytes, seconds, folder)
        try:
            while not (done := process.heard(progress)):
                Process.wait([process])
        finally:
            process.end()
    if done.mistake:
        raise done.mistake
    if done.stopped:
        raised = done.stopped.startswith("raised")
        hint = "" if raised else "--timeout and --memory say how much it may take"
        raise Unusable(f"{name}: {done.stopped}", hint)
    result: T = done.result
    return result


def end_all() -> None:
    """End whatever is left of this process's descendants, as this process is about to end.

    What cleans up behind multiprocessing is left to do so, and then ends by itself.
    """
    cleaner: Any = getattr(resource_tracker, "_resource_tracker", None)
    end_descendants(psutil.Process(), [getattr(cleaner, "_pid", 0) or 0])


def _context() -> BaseContext:
    """How processes are made: forked from one that has imported torch and done nothing else."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    _keep_sockets_together()
    # Started by hand, while signals are as they were: it would see to it that they are again.
    resource_tracker.ensure_running()
    # Ctrl-C reaches all processes of a terminal, and would interrupt the imports.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


@cache
def _keep_sockets_together() -> None:
    """Have the folder of multiprocessing's sockets in one of ours: so it goes if this is killed."""
    ours = ExitStack()
    folder = ours.enter_context(temporary_folder(WITH_SOCKETS))
    # After multiprocessing has removed its own.
    util.Finalize(None, ours.close, exitpriority=-200)
    before, tempfile.tempdir = tempfile.tempdir, folder
    util.get_temp_dir()
    tempfile.tempdir = before
