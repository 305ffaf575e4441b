"""Each verification in a process of its own: whatever happens to one, the others go on."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adaptergen.commands.progress import Quiet
from adaptergen.errors import Failure, Unusable
from adaptergen.verify import verify
from adaptergen.verify.jobs import Job, Limits, run_jobs
from adaptergen.verify.record import Record
from adaptergen.verify.select import Selection
from adaptergen.verify.share import shares
from tests.verify.conftest import load, module_of

BOOT = Selection(only=("boot.module",))

MakeJob = Callable[..., Job]


@pytest.fixture
def job(tmp_path: Path) -> MakeJob:
    """A job on llama's module with some code after it."""

    def make(
        code: str = "",
        overrides: dict[str, Any] | None = None,
        processes: int = 1,
        **options: Any,
    ) -> Job:
        path = tmp_path / f"llama{len(list(tmp_path.iterdir()))}.py"
        path.write_text(f"{Path(module_of('llama')).read_text()}\n{code}\n")
        loaded, overrides = load("llama"), overrides or {}
        blank = Record("llama", loaded.spec.architecture, str(path), overrides, (), 0.0)
        options = {"select": BOOT, **options}
        tasks = [
            partial(verify, loaded, str(path), overrides, **options, share=share)
            for share in shares(processes, f"{path}.taken")
        ]
        return Job(tasks[0], blank, tuple(tasks[1:]))

    return make


def records(*jobs: Job, **limits: Any) -> list[Record]:
    """The records in the order of the jobs."""
    found = {id(job): record for job, record in run_jobs(jobs, Limits(**limits), Quiet())}
    return [found[id(job)] for job in jobs]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(3)", "the process ended with exit status 3"),
        ("import os; os._exit(0)", "the process ended with exit status 0"),
        ("import os; os.kill(os.getpid(), 11)", "the process was killed by SIGSEGV"),
        ("import os; os.abort()", "the process was killed by SIGABRT"),
    ],
)
def test_a_crash_is_a_record_and_the_others_go_on(job: MakeJob, code: str, reason: str) -> None:
    crashed, whole = records(job(code), job())
    assert crashed.stopped == f"{reason}, in boot.module"
    assert not crashed.passed
    assert crashed.architecture == "LlamaForCausalLM"
    assert whole.passed


def test_a_hang_is_stopped(job: MakeJob) -> None:
    hung, whole = records(job("while True: pass"), job(), processes=2, seconds=1)
    assert hung.stopped == "stopped after 1 s, in boot.module"
    assert hung.seconds >= 1
    assert whole.passed


def test_what_a_hanging_module_has_started_ends_with_it(job: MakeJob, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import subprocess, time; sleeper = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(note)!r}, 'w').write(str(sleeper.pid)); time.sleep(600)"
    )
    records(job(code), seconds=1)
    assert not is_running(int(note.read_text()))


def test_what_a_stopped_task_has_put_into_temporary_folders_goes(
    job: MakeJob, tmp_path: Path
) -> None:
    note = tmp_path / "folder"
    code = f"import tempfile; open({str(note)!r}, 'w').write(tempfile.mkdtemp())\nwhile True: pass"
    records(job(code), seconds=1)
    assert note.read_text()
    assert not Path(note.read_text()).exists()


def is_running(pid: int) -> bool:
    """Whether a process is there, zombies apart, after a moment to end."""
    for _ in range(50):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except FileNotFoundError:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is limited on Linux")
def test_memory_is_limited_beyond_what_the_libraries_take(job: MakeJob) -> None:
    (greedy,) = records(job("x = bytearray(2**30)"), gigabytes=0.5)
    (failed,) = greedy.failures
    assert "MemoryError" in failed.message
    assert records(job("x = bytearray(2**28)"), gigabytes=0.5)[0].passed
    assert records(job("x = bytearray(2**30)"))[0].passed


def test_what_a_module_prints_goes_nowhere(job: MakeJob, capfd: pytest.CaptureFixture[str]) -> None:
    code = "import os; os.write(1, b'noise'); os.write(2, b'noise'); os.system('echo noise')"
    assert records(job(code))[0].passed
    assert capfd.readouterr() == ("", "")


def test_users_mistakes_are_raised_with_their_places_once_all_others_are_done(job: MakeJob) -> None:
    jobs = [job(overrides={"no_such_key": 1}), job(), job(overrides={"nor_this": 1})]
    run = run_jobs(jobs, Limits(), Quiet())
    ended, record = next(run)
    assert ended is jobs[1]
    assert record.passed
    with pytest.raises(Failure) as caught:
        next(run)
    messages = [diagnostic.message for diagnostic in caught.value.diagnostics]
    assert messages == [
        f"'{key}' is no config key of LlamaForCausalLM" for key in ("no_such_key", "nor_this")
    ]
    assert {diagnostic.file for diagnostic in caught.value.diagnostics} == {load("llama").path}


def test_what_cannot_be_done_as_asked_is_raised(job: MakeJob) -> None:
    with pytest.raises(Unusable, match="no check or group of checks matches 'nonsense'"):
        records(job(select=Selection(only=("nonsense",))))


def test_leaving_early_ends_what_runs(job: MakeJob, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"import os; open({str(note)!r}, 'w').write(str(os.getpid()))\nwhile True: pass"
    run = run_jobs([job(code), job()], Limits(processes=2), Quiet())
    assert next(run)[1].passed
    while not (note.exists() and note.read_text()):
        time.sleep(0.05)
    run.close()
    assert not is_running(int(note.read_text()))


def test_records_are_those_of_a_run_in_this_process(job: MakeJob) -> None:
    # The check left out builds dozens of models.
    one = job(select=Selection(only=("claims", "forward"), skip=("claims.config",)))
    (apart,) = records(one)
    here = one.task(progress=lambda line: None)

    def told(record: Record) -> list[Any]:
        return [(r.check, r.status, r.worst, r.by_layer) for r in record.results]

    assert told(apart) == told(here)
    assert apart.layers == here.layers


def test_processes_that_share_mutants_make_the_record_of_one(job: MakeJob) -> None:
    alone, shared = records(
        job(mutants_from=["templates"]), job(mutants_from=["templates"], processes=3), processes=2
    )
    assert shared.mutants == alone.mutants
    assert len({mutant.name for mutant in shared.mutants}) > 200
    assert [result.check for result in shared.results] == ["boot.module"]


def test_a_crash_of_one_that_shares_mutants_is_the_record(job: MakeJob) -> None:
    (record,) = records(replace(job(mutants_from=["templates"]), helpers=(crash,)))
    assert record.stopped == "the process ended with exit status 3"
    assert not record.passed


def test_an_adapter_that_fails_ends_those_that_share_its_mutants(job: MakeJob) -> None:
    broken = job("raise ValueError", mutants_from=["templates"])
    (record,) = records(replace(broken, helpers=(wait_for_ever, wait_for_ever)), processes=2)
    assert record.unmutated == "the adapter itself fails"
    assert not record.mutants


def crash(*, progress: Callable[[str], None]) -> Record:
    os._exit(3)


def wait_for_ever(*, progress: Callable[[str], None]) -> Record:
    while True:
        time.sleep(1)


def test_watcher_hears_of_everything(job: MakeJob) -> None:
    heard: list[tuple[str, str]] = []

    class Watcher(Quiet):
        def started(self, job: Job) -> None:
            heard.append(("started", job.blank.module))

        def doing(self, job: Job, what: str) -> None:
            heard.append(("doing", what))

        def ended(self, job: Job, record: Record) -> None:
            heard.append(("ended", record.module))

    first, second = job(), job()
    list(run_jobs([first, second], Limits(), Watcher()))
    assert heard == [
        event
        for module in (first.blank.module, second.blank.module)
        for event in (("started", module), ("doing", "boot.module"), ("ended", module))
    ]
