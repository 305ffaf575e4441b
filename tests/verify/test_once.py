"""What is made once is kept, and so is why it could not be made."""

import gc
import weakref

import pytest

from adaptergen.verify.once import Once, UnavailableError


class Holder:
    """Asks for what cannot be made, with something in hand."""


def test_a_failure_is_the_same_for_all_and_holds_on_to_none_of_them() -> None:
    once = Once()

    def make() -> None:
        raise ValueError("no such thing")

    def ask() -> "weakref.ref[Holder]":
        holder = Holder()
        with pytest.raises(UnavailableError, match="the thing: ValueError: no such thing"):
            once.get("the thing", make)
        return weakref.ref(holder)

    asked = [ask() for _ in range(3)]
    gc.collect()
    assert [one() for one in asked] == [None, None, None]


def test_what_needs_a_failure_fails_for_its_reason() -> None:
    once = Once()

    def whole() -> None:
        once.get("the part", part)

    def part() -> None:
        raise LookupError("lost")

    with pytest.raises(UnavailableError) as caught:
        once.get("the whole", whole)
    assert (caught.value.what, caught.value.reason) == ("the part", "LookupError: lost")
