"""What is made once is kept, and so is why it could not be made."""

import gc
import weakref
from functools import partial
from typing import Any

import pytest
import torch

from adaptergen.verify.hf import Batch
from adaptergen.verify.once import Made, UnavailableError, by_value, once


class Shelf:
    """Owns what is made for it, and notes what it was made from."""

    module_path = ""

    def __init__(self) -> None:
        self.made = Made()
        self.asked: list[Any] = []

    @property
    @once("the whole")
    def whole(self) -> int:
        return half(self, "left")


class Holder:
    """Asks for what cannot be made, with something in hand."""


@once("what {given} comes to")
def noted(shelf: Shelf, given: Any, *, factor: int = 1) -> object:
    shelf.asked.append(given)
    return object()


@once("the {side} half")
def half(shelf: Shelf, side: str) -> int:
    shelf.asked.append(side)
    raise ValueError("first line\nsecond line")


SAME = {
    "a path": ("model.layers", "model.layers"),
    "settings": ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}),
    "settings in another order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "tokens": (Batch(torch.ones(2, 3)), Batch(torch.ones(2, 3))),
    "a function with arguments": (partial(torch.roll, shifts=1), partial(torch.roll, shifts=1)),
}
OTHER = {
    "a number that equals a truth": ({"a": 1}, {"a": True}),
    "a number of another type": ([1], [1.0]),
    "tokens": (Batch(torch.ones(2, 3)), Batch(torch.zeros(2, 3))),
    "tokens in another shape": (torch.ones(2, 3), torch.ones(3, 2)),
    "another argument of a function": (
        partial(torch.roll, shifts=1),
        partial(torch.roll, shifts=2),
    ),
    "nothing": ("", None),
}


@pytest.mark.parametrize("name", SAME)
def test_equal_arguments_get_the_same_thing(name: str) -> None:
    shelf = Shelf()
    one, other = SAME[name]
    assert noted(shelf, one) is noted(shelf, other)
    assert len(shelf.asked) == 1


@pytest.mark.parametrize("name", OTHER)
def test_each_thing_that_an_argument_says_is_part_of_the_key(name: str) -> None:
    shelf = Shelf()
    one, other = OTHER[name]
    assert noted(shelf, one) is not noted(shelf, other)


def test_named_arguments_and_owners_are_part_of_the_key_too() -> None:
    shelf = Shelf()
    found = [noted(shelf, 1), noted(shelf, 1, factor=2), noted(Shelf(), 1)]
    assert len(set(found)) == 3


def test_a_function_that_could_depend_on_more_than_its_arguments_is_refused() -> None:
    width = 3

    def wide(shelf: Shelf) -> int:
        return width

    with pytest.raises(TypeError, match="more than its arguments"):
        once("the width")(wide)
    with pytest.raises(TypeError, match="more than its arguments"):
        once("the width")(lambda shelf: 3)
    with pytest.raises(TypeError, match="more than its arguments"):
        by_value({"edit": wide})


def test_what_failed_once_fails_again_without_being_made_again() -> None:
    shelf = Shelf()
    for _ in range(2):
        with pytest.raises(UnavailableError, match="the left half: ValueError: first line second"):
            half(shelf, "left")
    assert shelf.asked == ["left"]


def test_a_failure_holds_on_to_none_of_those_who_asked() -> None:
    shelf = Shelf()

    def ask() -> "weakref.ref[Holder]":
        holder = Holder()
        with pytest.raises(UnavailableError):
            half(shelf, "left")
        return weakref.ref(holder)

    asked = [ask() for _ in range(3)]
    gc.collect()
    assert [one() for one in asked] == [None, None, None]


def test_what_needs_a_failure_fails_for_its_reason() -> None:
    with pytest.raises(UnavailableError) as caught:
        _ = Shelf().whole
    assert caught.value.what == "the left half"
    assert caught.value.reason == "ValueError: first line second line"
