"""Who judges which mutants."""

from itertools import zip_longest
from pathlib import Path

from adaptergen.verify.share import ALONE, shares


def test_every_thing_is_in_one_share(tmp_path: Path) -> None:
    things = list(range(8))
    rounds = zip_longest(*(share.of(things) for share in shares(3, str(tmp_path))))
    assert sorted(thing for taken in rounds for thing in taken if thing is not None) == things
    assert list(ALONE.of(things)) == things


def test_who_is_quicker_takes_more(tmp_path: Path) -> None:
    slow, quick = (share.of(range(8)) for share in shares(2, str(tmp_path)))
    assert next(slow) == 0
    assert list(quick) == [1, 2, 3, 4, 5, 6, 7]
    assert list(slow) == []


def test_the_first_does_what_only_one_needs_to_do(tmp_path: Path) -> None:
    assert [share.first for share in shares(3, str(tmp_path))] == [True, False, False]


def test_one_process_leaves_nothing_behind(tmp_path: Path) -> None:
    assert shares(1, str(tmp_path)) == [ALONE]
