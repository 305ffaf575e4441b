"""Who judges which mutants."""

from adaptergen.verify.share import ALONE, shares


def test_every_thing_is_in_one_share() -> None:
    things = list(range(8))
    dealt = [share.of(things) for share in shares(3)]
    assert dealt == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert ALONE.of(things) == things


def test_the_first_does_what_only_one_needs_to_do() -> None:
    assert [share.first for share in shares(3)] == [True, False, False]
