"""Requests to end that come where no exception may be raised, or none is heard of."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, signal, sys, time, weakref
from adaptergen import __main__
from adaptergen.commands import build

def request():
    os.kill(os.getpid(), signal.{request})
    # The handler runs between this and what follows.
    time.sleep(0.03)

class Deleted:
    def __del__(self):
        request()

class Watched:
    pass

def delete():
    Deleted()

def forget():
    watched = Watched()
    kept.append(weakref.ref(watched, lambda _: request()))

def swallow():
    import asked

kept = []

def run(arguments):
    {place}()
    print("went on", flush=True)
    for _ in range(500):
        time.sleep(0.01)
    return 0

build.run = run
# No run that `quick` could end.
sys.argv = ["adaptergen", "build", "--render"]
sys.exit(__main__.run())
"""
pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a clock")


@pytest.mark.parametrize("request_", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("place", ["delete", "forget", "swallow"])
def test_request_is_heeded_wherever_it_comes_and_no_traceback_is_printed(
    project: Path, place: str, request_: str
) -> None:
    (project / "asked.py").write_text("import __main__\n__main__.request()\nwhole = True\n")
    program = PROGRAM.replace("{place}", place).replace("{request}", request_)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 128 + getattr(signal, request_), done.stderr
    # What is asked for during an import happens right after it.
    assert done.stdout == "went on\n" or place == "swallow"
    assert done.stderr == "interrupted\n"


def test_import_is_not_ended_halfway(project: Path) -> None:
    (project / "asked.py").write_text(
        "import __main__\n__main__.request()\nprint('whole', flush=True)\n"
    )
    program = PROGRAM.replace("{place}", "swallow").replace("{request}", "SIGTERM")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.startswith("whole\n")
    assert done.returncode == 143


def test_what_is_lost_for_other_reasons_is_told_as_ever(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from adaptergen.commands import signals

    class Deleted:
        def __del__(self) -> None:
            raise ValueError("of its own")

    monkeypatch.setattr(sys, "unraisablehook", signals._lost)
    Deleted()
    assert "ValueError: of its own" in capsys.readouterr().err
