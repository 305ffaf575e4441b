"""Findings of a run so far, kept in files that are whole at any moment."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from adaptergen.destination import refuse_report, refuse_same
from adaptergen.verify.document import START, assembled, read_records, record_json
from adaptergen.verify.record import Record, versions
from adaptergen.writing import is_special, write_all

if TYPE_CHECKING:
    from adaptergen.verify.jobs import Job

_PAGE = "<!DOCTYPE html>"


def refuse_places(json_path: str | None, html_path: str | None) -> ExitStack:
    """Refuse places for reports that would turn out bad only when all is done.

    What is returned holds those open that are no files; it is to be closed when all is written.

    Raises:
        Unusable: if one cannot be written, or holds something else, or both are the same.
    """
    refuse_same((("--json", json_path), ("--html", html_path)))
    held = ExitStack()
    if json_path:
        held.push(refuse_report(json_path, "--json", START))
    if html_path:
        held.push(refuse_report(html_path, "--html", _PAGE))
    return held


class Report:
    """The records of a run in the order of its jobs, written to a JSON file as they come.

    The page is drawn once, at the end.
    """

    def __init__(
        self, jobs: "Sequence[Job]", json_path: str | None = None, html_path: str | None = None
    ) -> None:
        self.jobs = jobs
        self.json_path = json_path
        self.html_path = html_path
        self._found: dict[int, Record] = {}
        self._texts: dict[int, str] = {}

    @property
    def records(self) -> list[Record]:
        """The records so far."""
        return [self._found[i] for i in sorted(self._found)]

    @property
    def missing(self) -> "list[Job]":
        """The jobs without a record."""
        return [job for i, job in enumerate(self.jobs) if i not in self._found]

    def resume(self) -> None:
        """Take over what the JSON file holds on the same inputs and versions.

        What was stopped, perhaps by a busy machine, is tried again.

        Raises:
            Unusable: if the file is something else.
        """
        now = versions()
        recorded = {
            record.inputs: record
            for record in read_records(self.json_path or "")
            if record.inputs and record.versions == now and not record.stopped
        }
        for i, job in enumerate(self.jobs):
            if job.blank.inputs in recorded:
                self._keep(i, recorded[job.blank.inputs])

    def add(self, job: "Job", record: Record) -> None:
        """Keep a record, and write the file."""
        number = next(i for i, other in enumerate(self.jobs) if other is job)
        self._keep(number, replace(record, inputs=job.blank.inputs))
        # Into a pipe or a device a second report would be written behind the first.
        if self.json_path and not is_special(self.json_path):
            self._write_json()

    def close(self) -> None:
        """Write both files of what is there by now; without any, earlier ones are left alone."""
        try:
            self._write_json()
        finally:
            self._write_page()

    def _write_page(self) -> None:
        if self.html_path and self._found:
            from adaptergen.verify.page import page

            write_all({self.html_path: page(self.records, complete=not self.missing)})

    def _write_json(self) -> None:
        if self.json_path and self._found:
            texts = [self._texts[i] for i in sorted(self._texts)]
            write_all({self.json_path: assembled(texts, complete=not self.missing)})

    def _keep(self, number: int, record: Record) -> None:
        self._found[number] = record
        self._texts[number] = record_json(record)
