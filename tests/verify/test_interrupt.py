"""Runs of the command line that are interrupted, killed and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.verify.started import EARLIER, PATIENCE, Started, heed_interrupts, write_three
from tests.verify.test_document import check

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
REPORT = ("--json", "report.json", "--html", "report.html")
# It sleeps, so that other tests get their share of the machine.
ENDLESS = """
import subprocess, time
subprocess.Popen(["sleep", "600"], start_new_session=True)
while True: time.sleep(1)
"""


@pytest.fixture
def three(project: Path, run: Run) -> Path:
    """A project with three specs; the modules of the last two never end, nor what they start."""
    write_three(project)
    assert run("build").status == 0
    for name in ("b", "c"):
        with (project / "generated" / f"{name}.py").open("a") as module:
            module.write(f"\n{ENDLESS}\n")
    return project


@pytest.fixture
def started(three: Path) -> Iterator[Started]:
    run = Started(three, "--jobs", "2", *REPORT)
    yield run
    for pid in run.left:
        os.kill(pid, signal.SIGKILL)
    run.process.communicate()


@pytest.mark.parametrize(
    ("how", "times"),
    [
        (signal.SIGINT, 3),
        (signal.SIGHUP, 1),
        pytest.param(signal.SIGINT, 1, marks=pytest.mark.full),
        pytest.param(signal.SIGTERM, 1, marks=pytest.mark.full),
        pytest.param(signal.SIGTERM, 2, marks=pytest.mark.full),
        pytest.param(signal.SIGHUP, 2, marks=pytest.mark.full),
    ],
)
def test_interrupted_run_reports_what_is_done_and_leaves_nothing_behind(
    started: Started, three: Path, how: signal.Signals, times: int
) -> None:
    started.wait_until_two_hang()
    for _ in range(times):
        # As a terminal does: to every process in the foreground.
        with suppress(ProcessLookupError):
            os.killpg(started.process.pid, how)
        time.sleep(0.02)
    out, err = started.process.communicate(timeout=PATIENCE)
    left = started.left
    assert started.process.returncode == 128 + how
    assert err == "interrupted\n"
    assert "a (LlamaForCausalLM): verified, 1 check" in out
    text = (three / "report.json").read_text()
    check(text)
    tree = json.loads(text)
    assert tree["complete"] is False
    assert [(found["spec"], found["passed"]) for found in tree["records"]] == [("a", True)]
    assert "Incomplete" in (three / "report.html").read_text()
    # What cleans up behind multiprocessing ends when all others have.
    assert len(left) <= 1
    assert started.none_left()


def test_run_that_is_interrupted_while_it_imports_leaves_an_earlier_report_alone(
    three: Path,
) -> None:
    for name, text in EARLIER.items():
        (three / name).write_text(text)
    run = Started(three, *REPORT)
    run.wait_for_imports()
    os.killpg(run.process.pid, signal.SIGINT)
    out, err = run.process.communicate(timeout=PATIENCE)
    assert (run.process.returncode, out) == (130, "")
    assert err.endswith("\nverifying a\ninterrupted\n")
    assert "Traceback" not in err
    assert {name: (three / name).read_text() for name in EARLIER} == EARLIER
    assert run.none_left()


# Interrupts the import of one module.
INTERRUPTED = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv[1:] = {arguments!r}
import runpy
runpy.run_module("adaptergen", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("argparse", ["build"]),
        ("adaptergen.report", ["build"]),
        ("adaptergen.commands.build", ["build"]),
        ("adaptergen.spec.load", ["build"]),
        ("pydantic", ["build", "--force"]),
        ("jinja2", ["build", "--force"]),
        ("adaptergen.verify.report", ["verify"]),
        ("psutil", ["verify"]),
        ("adaptergen.verify.process", ["infer", "LlamaForCausalLM"]),
    ],
)
def test_interrupted_import_ends_the_run_without_a_traceback(
    built: Path, module: str, arguments: list[str]
) -> None:
    with (built / "specs" / "tiny.yaml").open("a") as spec:
        spec.write("# changed\n")
    program = INTERRUPTED.format(module=module, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-B", "-c", program],
        capture_output=True, text=True, check=False, preexec_fn=heed_interrupts,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1:] in ([], ["interrupted"])


@pytest.mark.full
def test_killed_run_leaves_no_process_and_a_whole_file(started: Started, three: Path) -> None:
    started.wait_until_two_hang()
    started.process.kill()
    assert started.none_left()
    check((three / "report.json").read_text())


def test_resuming_verifies_what_is_missing_or_has_changed(three: Path, run: Run) -> None:
    verify = ("verify", "--only", "boot.module", "--json", "report.json", "--resume")
    first = run(*verify, "--timeout", "1", "--jobs", "2")
    assert first.status == 1
    assert "b (MistralForCausalLM): not verified, stopped after 1 s, in boot.module" in first.out
    assert json.loads((three / "report.json").read_text())["complete"] is True

    def end(name: str) -> None:
        path = three / "generated" / f"{name}.py"
        path.write_text(path.read_text().replace(ENDLESS, ""))

    end("b")
    end("c")
    second = run(*verify)
    assert second.status == 0
    assert "verifying a" not in second.err
    assert "verifying b" in second.err
    assert "a (LlamaForCausalLM): verified, 1 check" in second.out

    before = (three / "report.json").read_text()
    third = run(*verify)
    assert "verifying" not in third.err
    assert (three / "report.json").read_text() == before

    with (three / "specs" / "a.yaml").open("a") as spec:
        spec.write("# changed\n")
    with (three / "generated" / "b.py").open("a") as module:
        module.write("# changed\n")
    fourth = run(*verify)
    assert [line for line in fourth.err.splitlines() if line.startswith("verifying")] == [
        "verifying a", "verifying b",
    ]  # fmt: skip
    assert "verifying c" in run(*verify, "--set", "rms_norm_eps=0.001").err


def test_resuming_without_a_file_is_wrong_usage(three: Path, run: Run) -> None:
    found = run("verify", "--resume")
    assert (found.status, found.err) == (
        2, "adaptergen: --resume needs --json FILE, where finished records are\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--jobs", "0"), "argument --jobs: invalid positive number value: '0'"),
        (("--timeout", "-1"), "argument --timeout: invalid number value: '-1'"),
        (("--memory", "much"), "argument --memory: invalid number value: 'much'"),
    ],
)
def test_limits_are_numbers(run: Run, capsys, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run("verify", *arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.full
def test_process_that_waits_needs_no_torch(three: Path) -> None:
    program = (
        "import sys; from adaptergen.cli import main;"
        "main(['verify', 'a', '--only', 'boot.module', '--json', 'r.json', '--html', 'r.html']);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
