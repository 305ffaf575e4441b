"""YAML as a tree: values read as meant, and where each of them stands."""

from typing import Any

import pytest

from adaptergen.errors import Failure
from adaptergen.language.tree import Node, parse


def read(text: str) -> Any:
    return parse("x.yaml", text.encode()).plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6), ("1E5", 1e5), ("1.5e+3", 1500.0), (".5", 0.5), ("2.", 2.0), ("-0.2", -0.2),
        ("0", 0), ("-7", -7), ("+7", 7), ("1" + "0" * 30, 10**30),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("'no'", "no"), ('"010"', "010"), ("'1e-6'", "1e-6"), ("'true'", "true"), ("''", ""),
        ("y", "y"), ("none", "none"), ("off_by_one", "off_by_one"), ("a.layers", "a.layers"),
        ("3B", "3B"), ("1.2.3", "1.2.3"), ("v2", "v2"), ("1e", "1e"), ("0.5x", "0.5x"),
        ("[1, 'a', [null]]", [1, "a", [None]]), ("{a: {b: c}}", {"a": {"b": "c"}}),
        ("|\n  two\n  lines\n", "two\nlines\n"), (">\n  one\n  line\n", "one line\n"),
    ],
)  # fmt: skip
def test_value_is_read_as_meant(text: str, value: object) -> None:
    assert read(f"key: {text}\n") == {"key": value}
    assert type(read(f"key: {text}\n")["key"]) is type(value)


@pytest.mark.parametrize(
    "text",
    ["no", "Yes", "ON", "off", "010", "-08", "00", "1_000", "1:20", "0x1F", "0b1", "0o17", ".inf",
     "-.INF", ".nan", "2024-01-01", "2024-01-01T00:00:00Z", "1e999", "9" * 41, "="],
)  # fmt: skip
def test_value_that_yaml_readers_disagree_on_is_refused(text: str) -> None:
    with pytest.raises(Failure) as failure:
        read(f"a: 1\nkey: [ok, {text}]\n")
    (mistake,) = failure.value.diagnostics
    assert (mistake.line, mistake.column, mistake.source) == (2, 11, f"key: [ok, {text}]")
    assert mistake.message.startswith(f"'{text}'")


def places(node: Node) -> dict[str, tuple[int, int, int, int]]:
    assert isinstance(node.value, dict)
    found = {}
    for key, child in node.value.items():
        found[key] = (child.key_line, child.key_column, child.line, child.column)
        if isinstance(child.value, dict):
            found |= places(child)
    return found


def test_every_value_knows_its_own_place_and_its_keys() -> None:
    text = "top:\n  inner: {é: 1,\tb: [2]}\nempty:\nblock: |\n  text\n"
    assert places(parse("x.yaml", text.encode())) == {
        "top": (1, 1, 2, 3),
        "inner": (2, 3, 2, 10),
        "é": (2, 11, 2, 14),
        "b": (2, 17, 2, 20),
        "empty": (3, 1, 3, 7),
        "block": (4, 1, 4, 8),
    }


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_and_byte_order_mark_move_no_place(ending: str) -> None:
    text = ending.join(["a: 1", "b: 2", "c: no", ""])
    with pytest.raises(Failure) as failure:
        parse("x.yaml", b"\xef\xbb\xbf" + text.encode())
    assert failure.value.diagnostics[0][1:3] == (3, 4)
    assert failure.value.diagnostics[0].source == "c: no"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("before", "place"), [("", (1, 1)), ("a: é", (1, 5)), ("\na: é\n", (3, 1))]
)
def test_bytes_that_are_no_utf8_are_placed(
    mark: bytes, ending: str, before: str, place: tuple[int, int]
) -> None:
    with pytest.raises(Failure) as failure:
        parse("x.yaml", mark + before.replace("\n", ending).encode() + b"\x80\xff")
    (mistake,) = failure.value.diagnostics
    assert (mistake.line, mistake.column, mistake.message) == (*place, "not UTF-8")


def test_every_mistake_of_form_is_reported_at_once() -> None:
    with pytest.raises(Failure) as failure:
        read("a: no\na: 010\nb: &x 1\nc: !t 2\n? [d]\n: 3\n")
    assert [(d.line, d.column) for d in failure.value.diagnostics] == [
        (1, 4), (2, 1), (2, 4), (3, 4), (4, 4), (5, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("opening", ["[", "{a: ", "[{a: "])
def test_hostile_nesting_is_refused_without_recursion(opening: str) -> None:
    with pytest.raises(Failure) as failure:
        read("key: " + opening * 5000)
    assert "nested more than" in failure.value.diagnostics[0].message


def test_aliases_that_would_expand_without_bound_are_refused() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(Failure) as failure:
        read(bomb)
    assert {d.hint for d in failure.value.diagnostics} == {"specs share values with `extends` only"}
