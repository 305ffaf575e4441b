"""Runs verifications side by side, each in a process of its own with limits."""

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from adaptergen.errors import Failure, Unusable
from adaptergen.temporary import temporary_folder
from adaptergen.verify.process import Process
from adaptergen.verify.record import Record, joined
from adaptergen.verify.worker import Done, Task


@dataclass(frozen=True)
class Job:
    """A task, and what its record says if the task does not live to make one.

    The tasks of `helpers` judge the mutants that this one leaves to them. Tasks and what they
    return travel between processes, so both can be pickled.
    """

    task: Task[Record]
    blank: Record
    helpers: tuple[Task[Record], ...] = ()

    @property
    def name(self) -> str:
        """The name of the spec."""
        return self.blank.spec

    @property
    def tasks(self) -> tuple[Task[Record], ...]:
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
    """The process with the task of a job that has this number."""

    job: Job
    number: int
    process: Process


def run_jobs(
    jobs: Sequence[Job], limits: Limits, watcher: Watcher
) -> Generator[tuple[Job, Record], None, None]:
    """Each job with its record, in the order in which they end.

    Whatever stops a job is in its record, and leaves the others alone. A job that meets a user's
    mistake has no record. No process is left behind, however the iteration ends.

    Raises:
        Failure: once all other jobs have ended, if some met a user's mistakes: all of them.
        Unusable: likewise, if a job cannot be done as it was asked for.
    """
    with temporary_folder() as folder:
        work = _Work(jobs, limits, watcher, folder)
        try:
            while work.unfinished:
                work.start()
                Process.wait([one.process for one in work.running])
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
        limits = self.limits
        task = job.tasks[number]
        process = Process(task, limits.gigabytes, limits.seconds, self.folder)
        return _Running(job, number, process)

    def finished(self) -> Iterator[tuple[Job, Record]]:
        """The jobs that have their record now."""
        for one in list(self.running):
            # It may have ended with its job just now.
            done = self._heard(one) if one in self.running else None
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

    def _heard(self, one: _Running) -> Done | None:
        return one.process.heard(lambda what: self.watcher.doing(one.job, what))

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
            one.process.end()


def _whole(job: Job, parts: Mapping[int, Record]) -> Record | None:
    """The record that the parts make: when all are there, or one that says there is no more."""
    last = next((part for part in parts.values() if part.stopped or part.unmutated), None)
    if last or len(parts) < len(job.tasks):
        return last
    return joined([parts[number] for number in sorted(parts)])


def _record(one: _Running, done: Done) -> Record:
    if done.result:
        record: Record = done.result
        return record
    seconds = round(one.process.seconds, 3)
    return replace(one.job.blank, stopped=done.stopped, seconds=seconds)
