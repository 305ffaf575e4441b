"""Blocks in another order where a config key is set."""

from typing import Any

import pytest

from adaptergen.infer.layouts import blocks
from tests.infer.tiny_models import refusal, tiny, unlike

pytestmark = pytest.mark.usefixtures("exact")


@pytest.mark.parametrize("name", ["llama", "stablelm", "gpt_neox", "falcon", "vaultgemma"])
def test_layouts_are_those_of_the_spec(name: str) -> None:
    block, layouts = blocks(tiny(name))
    assert unlike(name, block=block, layouts=layouts) == {}


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets keys order the blocks by a function of those that are set."""

    def use(keys: list[str], order: Any) -> Any:
        monkeypatch.setattr("adaptergen.infer.layouts.flow", lambda w, opaque=False: Flow(order(w)))
        return Keyed(keys, ())

    return use


class Flow:
    def __init__(self, facet: dict[str, Any]) -> None:
        self.facet = facet


class Keyed:
    """A model of which nothing is known but which of its config keys are set."""

    def __init__(self, keys: list[str], given: tuple[str, ...]) -> None:
        self.keys, self.given = keys, given
        self.values = {"number": None, "pad_token_id": None, "size": 3}
        self.number: int | None = None

    def under(self, changes: dict[str, Any]) -> "Keyed":
        changed = {**dict.fromkeys(self.given, True), **changes}
        number = changed.pop("number", None)
        found = Keyed(self.keys, tuple(key for key, value in changed.items() if value))
        found.number = number
        return found

    @property
    def flips(self) -> dict[str, "Keyed"]:
        return {key: self.under({key: key not in self.given}) for key in self.keys}


def test_the_key_that_wins_comes_first(orders: Any) -> None:
    def order(model: Keyed) -> dict[str, Any]:
        return {"topology": next((k for k in ("b", "a") if k in model.given), "pre")}

    default, layouts = blocks(orders(["a", "b"], order))
    assert default == {"topology": "pre"}
    assert layouts == [
        {"when": "b", "block": {"topology": "b"}},
        {"when": "a", "block": {"topology": "a"}},
    ]


def test_number_takes_away_the_layout_of_a_key(orders: Any) -> None:
    def order(model: Keyed) -> dict[str, Any]:
        keys = [k for k in ("b", "a") if k in model.given and (k, model.number) != ("b", 2)]
        return {"topology": next(iter(keys), "pre")}

    default, layouts = blocks(orders(["a", "b"], order))
    assert default == {"topology": "pre"}
    assert layouts == [
        {"when": "b", "block": {"topology": "b"}, "unless": {"number": 2}},
        {"when": "a", "block": {"topology": "a"}},
    ]


@pytest.mark.parametrize("otherwise", [{2: "other"}, {1: "pre", 2: "pre"}])
def test_number_that_orders_blocks_in_another_way_is_refused(
    orders: Any, otherwise: dict[int, str]
) -> None:
    def order(model: Keyed) -> dict[str, Any]:
        usual = "a" if "a" in model.given else "pre"
        return {"topology": otherwise.get(model.number or 0, usual) if model.given else "pre"}

    said = "number orders the blocks in a way that no facet describes"
    assert refusal(lambda: blocks(orders(["a"], order))) == said


def test_keys_that_only_order_together_are_refused(orders: Any) -> None:
    def order(model: Keyed) -> dict[str, Any]:
        return {"topology": "+".join(model.given) or "pre"}

    tiny = orders(["a", "b"], order)
    assert refusal(lambda: blocks(tiny)) == "config keys order the blocks together: a, b"
    tiny = orders(["a", "b", "c", "d"], order)
    assert refusal(lambda: blocks(tiny)) == "many config keys order the blocks: a, b, c, d"
