"""The command line as a program: exit status, streams, interruptions."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import adaptergen
from adaptergen import arguments, cli

TINY = "architecture: TinyForCausalLM\nextends: llama\nsummary: A tiny decoder.\n"


@pytest.fixture
def tiny(project: Path) -> Path:
    (project / "specs" / "tiny.yaml").write_text(TINY)
    return project


def test_version_is_that_of_the_package(capsys) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"adaptergen {adaptergen.__version__}\n"


@pytest.mark.parametrize(
    "given",
    [
        ["bild"],
        ["build", "--chek"],
        ["build", "--check", "--diff"],
        ["build", "--format", "xml"],
    ],
)
def test_wrong_usage_exits_2(given: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(given)
    assert exit_.value.code == 2
    assert "usage: adaptergen" in capsys.readouterr().err


def test_without_a_verb_there_is_help(run) -> None:
    outcome = run()
    assert (outcome.status, outcome.err) == (0, "")
    assert all(f"\n    {name} " in outcome.out for name, _, _ in arguments.VERBS)


@pytest.mark.parametrize("verb", [name for name, _, _ in arguments.VERBS])
def test_every_verb_prints_for_programs(verb: str, capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main([verb, "--help"])
    assert re.search(r"--format \{(text,)?json[,}]", capsys.readouterr().out)


def test_wrong_usage_that_a_verb_finds_is_told_to_programs_too(run, tiny: Path) -> None:
    outcome = run("build", "tinny", "--format", "json")
    (error,) = json.loads(outcome.out)["errors"]
    assert outcome.status == 2
    assert "no such spec: tinny; did you mean 'tiny'?" in error["message"]


def test_json_is_another_name_for_the_format() -> None:
    assert arguments.parser().parse_args(["infer", "X", "--json"]).format == "json"


@pytest.mark.parametrize("verb", [name for name, _, _ in arguments.VERBS])
def test_every_verb_explains_itself_in_few_lines(verb: str, capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main([verb, "--help"])
    assert 5 < len(capsys.readouterr().out.splitlines()) < 60


def test_interrupt_ends_without_traceback(run, monkeypatch, tiny: Path) -> None:
    from adaptergen.commands import build

    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "run", interrupted)
    assert run("build") == (130, "", "interrupted\n")


def test_what_a_library_makes_of_an_interrupt_is_one_too(run, monkeypatch, tiny: Path) -> None:
    from adaptergen.commands import build, signals

    raised: list[BaseException] = []

    def wrapped(arguments: object) -> int:
        try:
            signals._interrupt(signal.SIGTERM, None)
        except KeyboardInterrupt as error:
            raised.append(error)
            # While the run ends, another request has no effect.
            signals._interrupt(signal.SIGINT, None)
        raise RuntimeError("of a library")

    def panic(arguments: object) -> int:
        raise type("PanicException", (BaseException,), {})

    monkeypatch.setattr(signals, "_received", [])
    monkeypatch.setattr(build, "run", wrapped)
    assert run("build") == (143, "", "interrupted\n")
    assert len(raised) == 1
    # Or what adaptergen itself makes of it.
    monkeypatch.setattr(build, "run", lambda _: 1)
    assert run("build") == (143, "", "interrupted\n")
    # Or Rust, whose panics are no exceptions like others.
    monkeypatch.setattr(build, "run", panic)
    assert run("build") == (143, "", "interrupted\n")
    monkeypatch.setattr(build, "run", lambda _: 0)
    assert run("build").status == 0
    monkeypatch.setattr(signals, "_received", [])
    monkeypatch.setattr(build, "run", lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run("build")


def test_folder_that_cannot_be_read_is_no_traceback(run, monkeypatch, tiny: Path) -> None:
    from adaptergen.commands import build

    def denied(arguments: object) -> int:
        raise PermissionError(13, "Permission denied", "secret\x1b[31m")

    monkeypatch.setattr(build, "run", denied)
    outcome = run("build")
    assert outcome.status == 2
    assert outcome.err.startswith("adaptergen: secret")
    assert "\x1b" not in outcome.err


@pytest.mark.parametrize(
    ("pipe", "status"),
    [("build --stdout | head -1", 0), ("build --check | true", 1), ("build --diff | head -1", 1)],
)
def test_reader_that_goes_away_changes_no_status(tiny: Path, pipe: str, status: int) -> None:
    for number in range(40):
        (tiny / "specs" / f"tiny{number}.yaml").write_text(TINY.replace("Tiny", f"Tiny{number}"))
    command = ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m adaptergen {pipe}"]
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, env=buffered, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "")


RUNS = ("list", "schema", "explain window", "list --format json", "build --quiet")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system closes nothing in between")
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("arguments", RUNS)
def test_run_without_input_output_or_errors_ends_well(
    tiny: Path, arguments: str, closed: tuple[int, ...]
) -> None:
    command = [sys.executable, "-m", "adaptergen", *arguments.split()]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False,
        preexec_fn=lambda: [os.close(number) for number in closed],
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert bool(run.stdout) == (1 not in closed and arguments != "build --quiet")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no such device")
@pytest.mark.parametrize("arguments", RUNS[:-1])
def test_output_that_cannot_be_written_is_told_on_one_line(tiny: Path, arguments: str) -> None:
    command = [sys.executable, "-m", "adaptergen", *arguments.split()]
    with open("/dev/full", "w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (run.returncode, run.stderr) == (2, "adaptergen: No space left on device\n")


@pytest.mark.parametrize("size", ["short", "long"])
def test_text_that_the_terminal_cannot_show_is_no_traceback(tiny: Path, size: str) -> None:
    summary = "Größe 尺寸. " * (1 if size == "short" else 20)
    (tiny / "specs" / "tiny.yaml").write_text(TINY.replace("A tiny", summary), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "adaptergen", "build", "--stdout"],
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin"},
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Gr\\xf6\\xdfe" in done.stdout


@pytest.mark.parametrize(
    ("no_colour", "terminal", "coloured"),
    [("", True, True), ("1", True, False), ("", False, False)],
)
def test_colour_only_on_a_terminal_without_no_color(
    tiny: Path, run, monkeypatch, no_colour: str, terminal: bool, coloured: bool
) -> None:
    (tiny / "specs" / "tiny.yaml").write_text(TINY + "colour: red\n")
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    message = run("build").err
    assert bool(re.search(r"\x1b\[", message)) == coloured
    assert "unknown key 'colour'" in re.sub(r"\x1b\[\d+m", "", message)
