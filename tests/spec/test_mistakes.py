"""Mistakes are put into words once each, whatever their number."""

import tracemalloc
from pathlib import Path

import pytest

from adaptergen.errors import MOST, Diagnostic, Failure, capped
from adaptergen.project import bundled
from adaptergen.spec import mistakes
from adaptergen.spec.load import Loader
from tests.building import TINY


def refused(folder: Path, text: str) -> list[Diagnostic]:
    path = folder / "tiny.yaml"
    path.write_text(text)
    with pytest.raises(Failure) as failure:
        Loader([bundled("specs")]).load(str(path))
    return failure.value.diagnostics


@pytest.mark.parametrize("count", [MOST, MOST + 1, 10_000])
@pytest.mark.parametrize("shape", ["lines", "one line"])
def test_of_many_mistakes_the_first_are_shown_and_the_rest_counted(
    tmp_path: Path, count: int, shape: str
) -> None:
    wrong = [f"[{number}]" for number in range(count)]
    notes = "\n- ".join(["", *wrong]) if shape == "lines" else f" [{', '.join(wrong)}]"
    found = refused(tmp_path, f"{TINY}notes:{notes}\n")
    shown = count if count <= MOST else MOST - 1
    rest = [f"and {count - shown:,} more mistakes"] if count > shown else []
    said = [f"'notes.{number}': expected text" for number in range(shown)]
    assert [mistake.message for mistake in found] == said + rest


def test_all_mistakes_of_a_file_share_one_reading_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    actual = mistakes.read_bytes
    monkeypatch.setattr(mistakes, "read_bytes", lambda path: read.append(path) or actual(path))
    assert len(refused(tmp_path, TINY + "".join(f"colour{n}: red\n" for n in range(50)))) == 50
    assert len(read) == 1


def test_mistakes_on_one_long_line_share_it(tmp_path: Path) -> None:
    text = f"{TINY}notes: [{', '.join(f'[{number}]' for number in range(20_000))}]\n"
    tracemalloc.start()
    try:
        assert len(refused(tmp_path, text)) == MOST
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    first, *_ = refused(tmp_path, TINY + "colour: red\n")
    second, *_ = refused(tmp_path, TINY + "# more\ncolours: red\n")
    assert (first.source, second.source) == ("colour: red", "colours: red")


def test_of_a_wrong_kind_nothing_else_is_said(tmp_path: Path) -> None:
    found = refused(tmp_path, TINY + "block: {topology: none, ln3: x}\nmlp: {bias: maybe so}\n")
    assert [mistake.message.partition(":")[0] for mistake in found] == [
        "'block.topology'", "'mlp.bias'",
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, MOST])
def test_few_mistakes_are_all_kept(count: int) -> None:
    few = [Diagnostic("a.yaml", line, 1, "wrong") for line in range(1, count + 1)]
    assert capped(few) == few


def test_failure_says_its_hints_to_those_who_catch_it() -> None:
    failure = Failure([Diagnostic("a.yaml", 2, 3, "wrong", "do right"), Diagnostic("b", 0, 0, "x")])
    assert str(failure) == "a.yaml:2:3: wrong (do right); b: x"
