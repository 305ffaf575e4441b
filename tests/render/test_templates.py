"""The bundled templates, each of which can be read by itself."""

import pytest

from tests.building import ROOT

TEMPLATES = ROOT / "templates"


def open_docstrings(text: str) -> bool:
    """Whether a docstring begins in one template, and ends in another."""
    return text.count('"""') % 2 == 1


@pytest.mark.parametrize(
    "name", sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.j2"))
)
def test_a_docstring_that_a_template_opens_is_closed_in_it(name: str) -> None:
    assert not open_docstrings((TEMPLATES / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("inside", ["{{ text }}", '{% include "rest.py.j2" %}'])
def test_a_docstring_that_is_left_open_is_found(inside: str) -> None:
    assert open_docstrings(f'class A:\n    """One.\n\n    {inside}\n')
    assert not open_docstrings(f'class A:\n    """One.\n\n    {inside}\n    """\n')
