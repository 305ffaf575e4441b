"""Targets' own names stay with them: a spec says what a model is, not what a library calls it."""

import ast
import re
from pathlib import Path

import pytest
from transformer_lens.model_bridge import generalized_components

import adaptergen
from tests.test_structure import ASPECTS

PACKAGE = Path(adaptergen.__file__).parent
GENERATED = Path(__file__).parents[1] / "generated"
# Of a part or a kind, all but what targets and those who look at them ask for.
SPECS = [
    path
    for folder in ("language", "spec", "components")
    for path in sorted((PACKAGE / folder).rglob("*.py"))
    if path.stem not in ASPECTS
]


def flags() -> set[str]:
    """Fields of TL's config that adapters set."""
    texts = (path.read_text(encoding="utf-8") for path in GENERATED.glob("*.py"))
    return {name for text in texts for name in re.findall(r"self\.cfg\.(\w+) = ", text)}


# A spec says these words of HF, too.
SHARED = {"eps"}
NAMES = ({*generalized_components.__all__} | flags()) - SHARED


def names_in(code: str) -> set[str]:
    """What a module calls something, reads of something, or holds as a text of one word."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        parts = (getattr(node, part, None) for part in ("id", "attr", "arg", "name", "value"))
        found |= {part for part in parts if isinstance(part, str)}
    return found


@pytest.mark.parametrize("path", SPECS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_specs_hold_no_names_of_transformer_lens(path: Path) -> None:
    assert names_in(path.read_text(encoding="utf-8")) & NAMES == set()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ('bridge: str = "NormalizationBridge"', "NormalizationBridge"),
        ("normalization_type = 1", "normalization_type"),
        ("def f(x):\n    return {x.uses_rms_norm: 1}", "uses_rms_norm"),
        ("f(rotary_adjacent_pairs=True)", "rotary_adjacent_pairs"),
        ("class PostNormBlockBridge:\n    MLPBridge = 1", "MLPBridge"),
    ],
)
def test_names_of_transformer_lens_are_found(code: str, name: str) -> None:
    assert name in names_in(code) & NAMES
