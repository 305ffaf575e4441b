"""Places for reports and specs: what cannot be written there is known before the work."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from adaptergen.errors import Unusable
from adaptergen.verify import jobs
from adaptergen.verify.document import to_json
from adaptergen.verify.jobs import Job
from adaptergen.verify.page import page
from adaptergen.verify.report import Report, refuse_places
from tests.commands.inferences import CLASS, PROVEN
from tests.conftest import Run
from tests.verify.samples import GREEN

nodes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such nodes")


def refused(**paths: object) -> str:
    with pytest.raises(Unusable) as refusal:
        refuse_places(*(str(paths[flag]) if flag in paths else None for flag in ("json", "html")))
    return str(refusal.value)


@pytest.mark.parametrize("flag", ["json", "html"])
def test_report_may_replace_an_earlier_one_and_an_empty_file(tmp_path: Path, flag: str) -> None:
    path = tmp_path / "new" / "folder" / f"report.{flag}"
    for text in (None, "", to_json([]) if flag == "json" else page([])):
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        refuse_places(*((str(path), None) if flag == "json" else (None, str(path))))
    assert path.exists()


@pytest.mark.parametrize("name", ["llama.yaml", "x.yml", "adapter.py", "A.PY", "pyproject.toml"])
@pytest.mark.parametrize("there", [True, False])
def test_no_report_goes_over_a_spec_or_a_module(tmp_path: Path, name: str, there: bool) -> None:
    if there:
        (tmp_path / name).write_text("x")
    assert "this is no name for a report" in refused(json=tmp_path / name)


@pytest.mark.parametrize("flag", ["json", "html"])
@pytest.mark.parametrize("text", ["[1]", "{}", "<html>", "notes", "\x00"])
def test_no_report_goes_over_another_file(tmp_path: Path, flag: str, text: str) -> None:
    path = tmp_path / "notes"
    path.write_text(text)
    assert "the file that is there is no report" in refused(**{flag: path})
    assert path.read_text() == text


def test_one_file_for_two_reports_is_refused_however_it_is_spelt(tmp_path: Path) -> None:
    path = tmp_path / "report"
    (tmp_path / "link").symlink_to("report")
    for other in (path, tmp_path / "." / "x" / ".." / "report", tmp_path / "link"):
        assert "--json and --html name one file" in refused(json=path, html=other)


@pytest.mark.parametrize("where", ["file/report.json", "folder", "loop/report.json"])
def test_place_where_no_file_can_be_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    assert refused(json=tmp_path / where).startswith("--json ")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "cannot be written" in refused(html=tmp_path / "closed" / "report.html")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="this system has no such file system")
def test_file_system_that_takes_no_files_is_refused() -> None:
    assert "cannot be written" in refused(html="/proc/self/report.html")


@nodes
def test_pipe_gets_one_report_and_stays_a_pipe(tmp_path: Path) -> None:
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with refuse_places(path, None):
        # To look whether somebody reads must not tell the reader that this was all.
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)
        given = [Job(print, GREEN), Job(print, GREEN)]
        report = Report(given, path)
        for job in given:
            report.add(job, GREEN)
        report.close()
        assert os.read(reader, 2**20).decode().count('"schema": ') == 1
    assert os.read(reader, 1) == b""
    assert Path(path).is_fifo()
    os.close(reader)


@nodes
@pytest.mark.parametrize("flag", ["json", "html"])
def test_pipe_that_nobody_reads_is_refused_and_not_waited_for(tmp_path: Path, flag: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "cannot be written: nobody reads from this pipe" in refused(**{flag: tmp_path / "pipe"})


@nodes
def test_socket_for_a_report_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(tmp_path / "socket"))
        assert "cannot be written" in refused(json=tmp_path / "socket")


@pytest.mark.parametrize("number", [99, 999_999_999])
def test_name_of_a_file_that_is_not_open_is_refused(number: int) -> None:
    assert "cannot be written: Bad file descriptor" in refused(json=f"/dev/fd/{number}")


@nodes
def test_open_file_that_is_only_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "input").touch()
    with open(tmp_path / "input") as file:
        assert "cannot be written" in refused(json=f"/dev/fd/{file.fileno()}")


@nodes
def test_device_is_written_into_and_stays_one(tmp_path: Path) -> None:
    # Made for the purpose, as /dev/null is: nobody's device is at risk.
    path = tmp_path / "null"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        path.write_text("x")
    except PermissionError:
        pytest.skip("this user or file system makes no devices")
    refuse_places(str(path), None).close()
    report = Report([Job(print, GREEN)], str(path), str(path))
    report.add(report.jobs[0], GREEN)
    report.close()
    assert path.is_char_device()
    assert path.read_text() == ""


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    started: list[str] = []
    monkeypatch.setattr(jobs, "run_jobs", lambda *_: started.append("run") or iter(()))
    return started


@pytest.mark.parametrize(
    "flags", [("--json", "specs/tiny.yaml"), ("--html", "specs"), ("--json", "a", "--html", "a")]
)
def test_verify_refuses_before_it_begins(
    built: Path, run: Run, nothing_runs: list[str], flags: tuple[str, ...]
) -> None:
    before = (built / "specs" / "tiny.yaml").read_text()
    outcome = run("verify", "tiny", *flags)
    assert (outcome.status, outcome.out, nothing_runs) == (2, "", [])
    assert (built / "specs" / "tiny.yaml").read_text() == before


@nodes
def test_infer_refuses_a_pipe_for_a_spec(
    project: Path, run: Run, inferring: Callable[..., list[object]]
) -> None:
    asked = inferring(PROVEN)
    os.mkfifo(project / "mine.yaml")
    outcome = run("infer", CLASS, "--out", "mine.yaml", "--force")
    assert (outcome.status, outcome.out, asked) == (2, "", [])
    assert "--out mine.yaml: it is no regular file" in outcome.err


@pytest.mark.parametrize("blocked", ["specs", "generated"])
def test_infer_refuses_before_it_begins(
    project: Path, run: Run, inferring: Callable[..., list[object]], blocked: str
) -> None:
    asked = inferring(PROVEN)
    (project / "specs").rmdir()
    (project / blocked).write_text("a file where a folder should be")
    outcome = run("infer", CLASS, "--out", "specs/mine.yaml")
    assert (outcome.status, outcome.out, asked) == (2, "", [])
    assert "cannot be written" in outcome.err


def test_capitals_in_the_name_of_a_spec_get_it_in_lower_case(
    project: Path, run: Run, inferring: Callable[..., list[object]]
) -> None:
    inferring(PROVEN)
    assert "write it in lower case, mine.yaml" in run("infer", CLASS, "--out", "Mine.yaml").err
