"""Runs verifications side by side, each in a process of its own with limits."""

import multiprocessing
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from adaptergen.errors import Failure, Unusable
from adaptergen.verify.record import Record, joined
from adaptergen.verify.worker import (
    PRELOADED,
    Doing,
    Done,
    Message,
    Ready,
    Task,
    end_group,
    work,
)

# Where processes start from scratch, each imports torch first; that is no fault of the adapter.
_IMPORTING = 120.0


@dataclass(frozen=True)
class Job:
    """A task, and what its record says if the task does not live to make one.

    The tasks of `helpers` judge the mutants that this one leaves to them. Tasks and what they
    return travel between processes, so both can be pickled.
    """

    task: Task
    blank: Record
    helpers: tuple[Task, ...] = ()

    @property
    def name(self) -> str:
        """The name of the spec."""
        return self.blank.spec

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Everything to do for the record."""
        return (self.task, *self.helpers)


@dataclass(frozen=True)
class Limits:
    """How many processes at once, and what each may take: seconds and gigabytes, 0 for any."""

    processes: int = 1
    seconds: float = 0.0
    gigabytes: float = 0.0


class Watcher(Protocol):
    """Hears what is going on."""

    def started(self, job: Job) -> None:
        """A job begins."""

    def doing(self, job: Job, what: str) -> None:
        """A job says what it is about to do."""

    def ended(self, job: Job, record: Record) -> None:
        """A job has its record."""


@dataclass
class _Running:
    """A process with the task of a job that has this number."""

    job: Job
    number: int
    process: BaseProcess
    pipe: Connection
    seconds: float
    doing: str = ""
    began: float = field(default_factory=time.monotonic)
    ready: bool = False

    @property
    def deadline(self) -> float:
        if not self.seconds:
            return float("inf")
        return self.began + (self.seconds if self.ready else max(self.seconds, _IMPORTING))

    def hears(self, message: Message) -> Done | None:
        """The end of the job, if the message is that."""
        match message:
            case Ready():
                self.began, self.ready = time.monotonic(), True
            case Doing(what):
                self.doing = what
            case Done():
                return message
        return None

    def stopped(self, reason: str) -> Done:
        """The end of a job that did not end by itself."""
        return Done(stopped=f"{reason}, in {self.doing}" if self.doing else reason)


def run_jobs(jobs: Sequence[Job], limits: Limits, watcher: Watcher) -> Iterator[tuple[Job, Record]]:
    """Each job with its record, in the order in which they end.

    Whatever stops a job is in its record, and leaves the others alone. A job that meets a user's
    mistake has no record. No process is left behind, however the iteration ends.

    Raises:
        Failure: once all other jobs have ended, if some met a user's mistakes: all of them.
        Unusable: likewise, if a job cannot be done as it was asked for.
    """
    with tempfile.TemporaryDirectory(prefix="adaptergen-") as folder:
        work = _Work(jobs, limits, watcher, folder)
        try:
            with _ended_by_signals():
                while work.unfinished:
                    work.start()
                    _wait(work.running)
                    yield from work.finished()
        finally:
            work.end(work.running)
    work.raise_mistakes()


class _Work:
    """All tasks: those that wait, those that run, and what came of the others."""

    def __init__(self, jobs: Sequence[Job], limits: Limits, watcher: Watcher, folder: str) -> None:
        self.limits = limits
        self.watcher = watcher
        self.folder = folder
        self.context: Any = _context()
        self.waiting = deque((job, number) for job in jobs for number in range(len(job.tasks)))
        self.running: list[_Running] = []
        self.parts: dict[int, dict[int, Record]] = {id(job): {} for job in jobs}
        self.mistakes: list[Failure | Unusable] = []

    @property
    def unfinished(self) -> bool:
        return bool(self.waiting or self.running)

    def start(self) -> None:
        """As many tasks as may run at once."""
        while self.waiting and len(self.running) < self.limits.processes:
            job, number = self.waiting[0]
            if number == 0:
                self.watcher.started(job)
            self.running.append(self._begun(job, number))
            self.waiting.popleft()

    def _begun(self, job: Job, number: int) -> _Running:
        ours, theirs = self.context.Pipe(duplex=False)
        given = (job.tasks[number], self.limits.gigabytes, self.folder, theirs)
        process = self.context.Process(target=work, args=given, daemon=True)
        process.start()
        theirs.close()
        return _Running(job, number, process, ours, self.limits.seconds)

    def finished(self) -> Iterator[tuple[Job, Record]]:
        """The jobs that have their record now."""
        for one in list(self.running):
            # It may have ended with its job just now.
            done = _heard(one, self.watcher) if one in self.running else None
            if not done:
                continue
            self.end([one])
            if done.mistake:
                self.mistakes.append(done.mistake)
                self._end_job(one.job)
                continue
            parts = self.parts[id(one.job)]
            parts[one.number] = _record(one, done)
            record = _whole(one.job, parts)
            if record:
                self._end_job(one.job)
                self.watcher.ended(one.job, record)
                yield one.job, record

    def _end_job(self, job: Job) -> None:
        """Give up whatever is left of a job."""
        self.end([one for one in self.running if one.job is job])
        self.waiting = deque(task for task in self.waiting if task[0] is not job)

    def raise_mistakes(self) -> None:
        """Say what users did wrong, if anything."""
        for mistake in self.mistakes:
            if isinstance(mistake, Unusable):
                raise mistake
        if self.mistakes:
            raise Failure(d for m in self.mistakes if isinstance(m, Failure) for d in m.diagnostics)

    def end(self, processes: Sequence[_Running]) -> None:
        """Stop processes, whether they are done or not."""
        for one in list(processes):
            self.running.remove(one)
            _end(one)


def _whole(job: Job, parts: Mapping[int, Record]) -> Record | None:
    """The record that the parts make: when all are there, or one that says there is no more."""
    last = next((part for part in parts.values() if part.stopped or part.unmutated), None)
    if last or len(parts) < len(job.tasks):
        return last
    return joined([parts[number] for number in sorted(parts)])


def _context() -> BaseContext:
    """How processes are made: forked from one that has imported torch and done nothing else."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    return context


def _wait(running: Sequence[_Running]) -> None:
    """Until a job has something to say, ends, or has no time left."""
    events = [event for one in running for event in (one.pipe, one.process.sentinel)]
    left = min(one.deadline for one in running) - time.monotonic()
    wait(events, None if left == float("inf") else max(0.0, left))


def _heard(one: _Running, watcher: Watcher) -> Done | None:
    """The end of a job, if it has come."""
    # Asked first: what it said before it ended is still to be read.
    alive = one.process.is_alive()
    try:
        while one.pipe.poll():
            done = one.hears(one.pipe.recv())
            if done:
                return done
            if one.doing:
                watcher.doing(one.job, one.doing)
    except (EOFError, OSError):
        alive = False
    if not alive:
        one.process.join(timeout=1)
        return one.stopped(_how(one.process.exitcode))
    if time.monotonic() >= one.deadline:
        return one.stopped(f"stopped after {time.monotonic() - one.began:.0f} s")
    return None


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with suppress(ValueError):
            return f"the process was killed by {signal.Signals(-exitcode).name}"
    return f"the process ended with exit status {exitcode}"


def _record(one: _Running, done: Done) -> Record:
    if done.record:
        return done.record
    seconds = round(time.monotonic() - one.began, 3)
    return replace(one.job.blank, stopped=done.stopped, seconds=seconds)


def _end(one: _Running) -> None:
    if one.process.pid is not None:
        end_group(one.process.pid)
    one.process.kill()
    one.process.join()
    one.pipe.close()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
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
