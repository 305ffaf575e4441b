"""Says on stderr what a long run is doing."""

import shutil
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from adaptergen.verify.jobs import Job
    from adaptergen.verify.record import Record


class Quiet:
    """Says nothing."""

    def started(self, job: "Job") -> None:
        """A job begins."""

    def doing(self, job: "Job", what: str) -> None:
        """A job says what it is about to do."""

    def ended(self, job: "Job", record: "Record") -> None:
        """A job has its record."""

    def close(self) -> None:
        """Nothing more will be said."""


class Lines(Quiet):
    """For logs: one line when an architecture begins."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def started(self, job: "Job") -> None:
        """A job begins."""
        print(f"verifying {job.name}", file=self.stream, flush=True)


class StatusLine(Quiet):
    """For terminals: one line that is rewritten."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self.stream = stream
        self.total = total
        self.finished = self.failed = 0
        self.began = time.monotonic()
        self.running: dict[int, str] = {}

    def started(self, job: "Job") -> None:
        """A job begins."""
        self.running[id(job)] = f"{job.name}: starting"
        self._show()

    def doing(self, job: "Job", what: str) -> None:
        """A job says what it is about to do."""
        self.running[id(job)] = f"{job.name}: {what}"
        self._show()

    def ended(self, job: "Job", record: "Record") -> None:
        """A job has its record."""
        del self.running[id(job)]
        self.finished += 1
        self.failed += not record.passed
        self._show()

    def close(self) -> None:
        """Take the line away."""
        print("\r\033[K", end="", file=self.stream, flush=True)

    def _show(self) -> None:
        parts = [f"{time.monotonic() - self.began:.0f} s"]
        if self.total > 1:
            parts.append(f"{self.finished} of {self.total} done")
        if self.failed:
            parts.append(f"{self.failed} failed")
        line = "  ".join([*parts, *self.running.values()])
        # A line that wraps could not be taken back.
        line = line[: shutil.get_terminal_size().columns - 1]
        print(f"\r\033[K{line}", end="", file=self.stream, flush=True)


def progress(stream: TextIO, total: int, quiet: bool) -> Quiet:
    """The progress display that suits the stream."""
    if quiet:
        return Quiet()
    return StatusLine(stream, total) if stream.isatty() else Lines(stream)
