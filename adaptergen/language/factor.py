"""Constants that a model multiplies by, written with keys of HF's config.

A factor is a key, or several with `sqrt()`, `*` and `/`: `scale_depth / sqrt(num_hidden_layers)`.
"""

import keyword
import math
import re
from typing import Annotated, TypeAlias

from pydantic_core import PydanticCustomError

from adaptergen.language.values import NAME, Denotes, Matches

_TERM = rf"(?:sqrt\({NAME}\)|{NAME})"
_TERMS = re.compile(rf" ?([*/]?) ?(?:sqrt\(({NAME})\)|({NAME}))", re.ASCII)


class _FactorText(Matches):
    """The text of a factor, none of whose keys is a word of Python."""

    def check(self, value: str) -> str:
        """The value itself, if it is one."""
        found = super().check(value)
        if any(keyword.iskeyword(key) for key in powers(found)):
            raise PydanticCustomError("text", "a keyword of Python cannot be a name")
        return found


Factor: TypeAlias = Annotated[
    str,
    _FactorText(
        rf"(?:1 / )?{_TERM}(?: [*/] {_TERM})*",
        "an HF config key, or several with sqrt(), * and /, such as sqrt(hidden_size)",
    ),
    Denotes.KEY,
]


def powers(factor: str) -> dict[str, float]:
    """The keys of a factor, in its order, each with the power that it has there."""
    found: dict[str, float] = {}
    for sign, root, plain in _TERMS.findall(factor):
        power = (-1.0 if sign == "/" else 1.0) * (0.5 if root else 1.0)
        found[root or plain] = found.get(root or plain, 0.0) + power
    return found


def factor_of(powers: dict[str, float]) -> str:
    """The factor that is the product of keys with powers of one or a half; empty if of none."""
    terms = {key: f"sqrt({key})" if abs(power) == 0.5 else key for key, power in powers.items()}
    above = [term for key, term in terms.items() if powers[key] > 0]
    below = [term for key, term in terms.items() if powers[key] < 0]
    return " / ".join([" * ".join(above) or "1", *below]) if powers else ""


def value_of(factor: str, config: object) -> float:
    """The number that a factor is for an HF config; zero where a key of it is unset or zero."""
    return product_of(powers(factor), config)


def product_of(powers: dict[str, float], config: object) -> float:
    """The product of an HF config's keys with these powers; zero where one is unset or zero."""
    product = 1.0
    for key, power in powers.items():
        value = float(getattr(config, key, None) or 0.0)
        if not value:
            return 0.0
        product *= math.pow(value, power)
    return product


def in_code(factor: str, config: str) -> str:
    """The factor as Python has it, where the name `config` holds the keys."""
    written = _TERMS.sub(lambda term: _term_in_code(term, config), factor)
    return written.strip()


def _term_in_code(term: re.Match[str], config: str) -> str:
    sign, root, plain = term.groups()
    value = f"{config}.{root}**0.5" if root else f"{config}.{plain}"
    return f" {sign} {value}" if sign else value


def replaced(factor: str, key: str, other: str) -> str:
    """The factor with another key in the place of one."""
    return re.sub(rf"\b{key}\b(?!\()", other, factor)
