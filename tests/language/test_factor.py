"""Constants written with config keys."""

from types import SimpleNamespace

import pytest
from pydantic import TypeAdapter, ValidationError

from adaptergen.language.factor import Factor, factor_of, in_code, powers, replaced, value_of

CONFIG = SimpleNamespace(scale=3.0, size=16, depth=4, unset=None)


@pytest.mark.parametrize(
    ("factor", "keys", "value", "code"),
    [
        ("scale", {"scale": 1.0}, 3.0, "cfg.scale"),
        ("sqrt(size)", {"size": 0.5}, 4.0, "cfg.size**0.5"),
        ("1 / sqrt(size)", {"size": -0.5}, 0.25, "1 / cfg.size**0.5"),
        ("scale / sqrt(depth)", {"scale": 1.0, "depth": -0.5}, 1.5, "cfg.scale / cfg.depth**0.5"),
        (
            "scale * size / depth",
            {"scale": 1.0, "size": 1.0, "depth": -1.0},
            12.0,
            "cfg.scale * cfg.size / cfg.depth",
        ),
    ],
)
def test_factor_is_a_product_of_keys(
    factor: str, keys: dict[str, float], value: float, code: str
) -> None:
    assert TypeAdapter(Factor).validate_python(factor) == factor
    assert powers(factor) == keys
    assert value_of(factor, CONFIG) == value
    assert in_code(factor, "cfg") == code
    assert value_of(factor_of(keys), CONFIG) == value
    assert eval(code, {"cfg": CONFIG}) == value


def test_keys_of_which_one_is_unset_give_no_number() -> None:
    assert value_of("scale / unset", CONFIG) == 0.0


def test_one_key_takes_the_place_of_another() -> None:
    assert replaced("size / sqrt(size_2)", "size_2", "depth") == "size / sqrt(depth)"


@pytest.mark.parametrize(
    "text",
    ["", "2 * scale", "scale *", "scale+size", "sqrt()", "sqrt(sqrt(size))", "lambda * scale",
     "sqrt(class)", "scale**2", "os.system", "scale  *  size", "1", "scale / 1"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Factor).validate_python(text)
