"""Work that two processes share ends as it would in one, whatever becomes of the second."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from adaptergen import halves
from adaptergen.halves import by_halves
from tests.building import TINY
from tests.conftest import Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is one process")
MANY = list(range(1000))


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    # Other tests may have left some of their own, such as multiprocessing's.
    before = psutil.Process().children()
    yield
    assert psutil.Process().children() == before


def marked(numbers: Sequence[int]) -> tuple[int, list[int]]:
    return os.getpid(), [number * 2 for number in numbers]


def test_many_things_are_done_by_two_processes_in_their_order() -> None:
    (one, first), (other, second) = by_halves(marked, MANY)
    assert one == os.getpid() != other
    assert first + second == [number * 2 for number in MANY]


@pytest.mark.parametrize("processors", [{0}, {0, 1}])
def test_few_things_and_a_single_processor_take_one_process(
    monkeypatch: pytest.MonkeyPatch, processors: set[int]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: processors)
    monkeypatch.delattr(os, "fork")
    things = MANY[:10] if len(processors) == 2 else MANY
    assert by_halves(marked, things) == [marked(things)]


def in_the_second_process(does: Callable[[], object]) -> Callable[[Sequence[int]], object]:
    """Work that comes to something else in a process that is not this one."""
    mine = os.getpid()

    def work(numbers: Sequence[int]) -> object:
        if os.getpid() != mine:
            does()
        return marked(numbers)

    return work


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_a_second_process_does_not_finish_is_done_by_the_first(number: int) -> None:
    found = by_halves(in_the_second_process(lambda: os.kill(os.getpid(), number)), MANY)
    assert found == [marked(MANY[:500]), marked(MANY[500:])]


def test_error_of_the_second_half_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        by_halves(lambda numbers: [1 // (999 - number) for number in numbers], MANY)


def test_error_of_the_first_half_ends_the_second() -> None:
    def work(numbers: Sequence[int]) -> None:
        time.sleep(60 * numbers[0])
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        by_halves(work, MANY)
    assert time.monotonic() - began < 30


def test_build_of_many_specs_is_what_one_process_makes_of_them(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halves, "_MANY", 4)
    for number in range(7):
        text = TINY.replace("Tiny", f"Tiny{number}")
        (project / "specs" / f"tiny{number}.yaml").write_text(text)
    assert run("build", "--out", "two").status == 0
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert run("build", "--out", "one").status == 0
    two, one = (
        {path.name: path.read_bytes() for path in (project / name).iterdir()}
        for name in ("two", "one")
    )
    assert two == one


def test_mistakes_of_both_halves_are_told_at_once(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halves, "_MANY", 4)
    for number in range(6):
        text = TINY.replace("Tiny", f"Tiny{number}") + ("wrong: 1\n" if number in (0, 5) else "")
        (project / "specs" / f"tiny{number}.yaml").write_text(text)
    outcome = run("build")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.count("unknown key 'wrong'") == 2
