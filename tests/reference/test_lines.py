"""Lines for a terminal."""

from adaptergen.reference.lines import Lines


def test_wide_first_column_has_its_text_below() -> None:
    lines = Lines(60)
    lines.rows([("a", "short"), ("x" * 40, "below")])
    assert lines.lines == ["  a  short", f"  {'x' * 40}", "     below"]


def test_code_is_not_broken_and_takes_the_room_of_its_quotes() -> None:
    lines = Lines(19)
    lines.text("one two `three four` five", "")
    assert lines.lines == ["one two", "'three four' five"]


def test_what_makes_text_bold_takes_no_room() -> None:
    lines = Lines(20, bold=True)
    lines.text("one two `three four` five", "")
    assert lines.lines == ["one two \033[1mthree four\033[0m", "five"]


def test_word_longer_than_a_line_has_one_of_its_own() -> None:
    lines = Lines(10)
    lines.text(f"a {'x' * 20} b", "  ")
    assert lines.lines == ["  a", f"  {'x' * 20}", "  b"]
