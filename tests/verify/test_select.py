"""Which checks run: patterns of names and groups."""

import pytest

from adaptergen.errors import Unusable
from adaptergen.verify.check import Check
from adaptergen.verify.select import EVERYTHING, Selection

CHECKS = [
    Check(name, f"About {name}.", "", 0.0, lambda _: ())
    for name in ("forward.logits", "forward.window", "hooks.window")
]


def chosen(only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> list[str]:
    return [check.name for check in Selection(only, skip).of(CHECKS)]


def test_patterns_match_names_and_groups_and_keep_the_order() -> None:
    assert EVERYTHING.of(CHECKS) == CHECKS
    assert chosen(only=("hooks", "forward.l*")) == ["forward.logits", "hooks.window"]
    assert chosen(skip=("*.window",)) == ["forward.logits"]
    assert chosen(only=("forward",), skip=("forward.logits",)) == ["forward.window"]


@pytest.mark.parametrize(
    ("only", "skip", "message"),
    [
        (("hook",), (), "no check or group of checks matches 'hook'; did you mean 'hooks'?"),
        ((), ("x",), "matches 'x'; `adaptergen verify --list-checks` lists all"),
        (("hooks",), ("*.window",), "no check is left to run"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused(
    only: tuple[str, ...], skip: tuple[str, ...], message: str
) -> None:
    with pytest.raises(Unusable) as caught:
        chosen(only, skip)
    assert message in str(caught.value)
