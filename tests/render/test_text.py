"""How text enters Python source."""

import ast

import pytest

from adaptergen.targets.text import comment, literal, prose
from adaptergen.targets.transformer_lens.imports import import_block

WORDS = "one two three four " * 12


@pytest.mark.parametrize("value", ['"', "\\", "\n\x00\x7f", "é 🙂", "{{ x }}", "'", True, None, 3])
def test_literal_evaluates_to_the_value_itself(value: object) -> None:
    assert ast.literal_eval(literal(value)) == value


def test_literal_of_text_is_in_double_quotes() -> None:
    assert literal("it's") == '"it\'s"'


@pytest.mark.parametrize("text", ['"""', '""""""', 'a""""b', "\\", '\\"""', "\\n", 'ends "quoted"'])
def test_prose_is_the_same_text_inside_a_docstring(text: str) -> None:
    module = f'"""{prose(text)}\n"""\n'
    assert ast.get_docstring(ast.parse(module)) == text


@pytest.mark.parametrize(("text", "columns"), [(WORDS, 1), ("尺寸 " * 60, 2)])
def test_prose_is_wrapped_and_indented_within_100_columns(text: str, columns: int) -> None:
    lines = ("    " + prose(f"- {text}", 4, 2)).splitlines()
    assert len(lines) > 1
    assert lines[0].startswith("    - ")
    assert all(line.startswith("      ") for line in lines[1:])
    widths = [sum(columns if ord(c) > 127 else 1 for c in line) for line in lines]
    assert max(widths) <= 100
    assert min(widths[:-1]) > 90


def test_word_longer_than_a_line_is_never_broken() -> None:
    assert prose("a " + "x" * 200 + " b").splitlines() == ["a", "x" * 200, "b"]


def test_every_line_of_a_comment_is_a_comment() -> None:
    module = "    " + comment(f"# {WORDS}", 4)
    assert [line[:6] for line in module.splitlines()] == ["    # "] * 3


def test_imports_are_the_names_that_the_code_uses() -> None:
    code = """\
x: Any = BlockBridge(LinearBridge, name='MLPBridge')
# EmbeddingBridge
y = self.UnembeddingBridge
"""
    assert import_block(code) == (
        "from typing import Any\n\n"
        "from transformer_lens.model_bridge.generalized_components import BlockBridge\n\n"
        "from .hook_aware import LinearBridge"
    )
