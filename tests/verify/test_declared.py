"""Under which config keys what a spec declares is so."""

from types import SimpleNamespace
from typing import Any

import pytest

from adaptergen.verify.declared import conditions, layout_keys
from tests.verify.conftest import changed, load

FIRST = {"when": "first", "block": {"topology": "shared", "ln1": "norm"}}
SECOND = {
    "when": "second",
    "unless": {"number": 1},
    "block": {"topology": "parallel", "ln1": "norm", "ln2": "other"},
}
THIRD = {"when": "third", "block": {"topology": "shared", "ln1": "norm"}}
SPEC = changed("gpt_neox", {"layouts": [FIRST, SECOND, THIRD]})


def config(**changes: Any) -> SimpleNamespace:
    usual = {"first": True, "second": False, "third": False, "number": 2}
    return SimpleNamespace(**{**usual, **changes})


@pytest.mark.parametrize(
    ("number", "changes", "keys"),
    [
        (0, {}, {"first": True}),
        (1, {}, {"first": False, "second": True}),
        (1, {"number": 1}, {"first": False, "second": True, "number": None}),
        (2, {"number": 1}, {"first": False, "second": False, "third": True}),
    ],
)
def test_a_layout_is_had_with_earlier_ones_off(
    number: int, changes: dict[str, Any], keys: dict[str, Any]
) -> None:
    assert layout_keys(SPEC, number, config(**changes)) == keys


def found(claim: str, **changes: Any) -> list[dict[str, Any]]:
    return [keys for keys, name in conditions(SPEC, config(**changes)) if name == claim]


def test_a_number_that_excludes_a_layout_is_tried_where_the_layout_would_be() -> None:
    assert found("layouts.1.unless") == [{"first": False, "second": True, "number": 1}]


def test_a_layout_that_the_config_excludes_is_tried_without_the_number() -> None:
    wanted = {"first": False, "second": True, "number": None}
    assert wanted in found("layouts.1.when", number=1)


def test_the_key_of_a_later_layout_decides_with_earlier_ones_off() -> None:
    assert found("layouts.2.when") == [{"first": False, "second": False, "third": True}]
    assert found("layouts.0.when") == [{"first": False}]


def test_the_layouts_of_falcon_are_those_of_its_spec() -> None:
    spec = load("falcon").spec
    keys = SimpleNamespace(num_ln_in_parallel_attn=None)
    assert layout_keys(spec, 0, keys) == {"new_decoder_architecture": True}
    assert layout_keys(spec, 1, keys) == {"new_decoder_architecture": False, "parallel_attn": True}
