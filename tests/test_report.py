"""How a mistake is printed."""

from pathlib import Path

import pytest

from adaptergen.errors import Diagnostic, Failure, did_you_mean
from adaptergen.report import as_github, as_text


def test_caret_stands_under_its_character_after_tabs() -> None:
    text = as_text(Diagnostic("x.yaml", 12, 5, "wrong", "right", "\ta: b"))
    assert text.splitlines() == [
        "x.yaml:12:5: wrong",
        "  12 | \ta: b",
        "     | \t   ^",
        "    right",
    ]


def test_mistake_about_a_whole_file_has_no_place_and_no_excerpt() -> None:
    assert as_text(Diagnostic("x.yaml", 0, 0, "wrong")) == "x.yaml: wrong"
    assert as_github(Diagnostic("x.yaml", 0, 0, "wrong")) == (
        "::error file=x.yaml,title=adaptergen::wrong"
    )


@pytest.mark.parametrize("column", [1, 80, 400, 799, 801])
def test_caret_stands_under_its_character_in_the_excerpt_of_a_long_line(column: int) -> None:
    line = "".join(chr(ord("a") + i % 26) for i in range(800))
    _, excerpt, caret = as_text(Diagnostic("x", 3, column, "wrong", "", line)).splitlines()
    assert len(excerpt) < 180
    assert excerpt[caret.index("^") :][:1] == line[column - 1 : column]


def test_nothing_in_a_message_steers_the_terminal_or_ends_the_line() -> None:
    nasty = Diagnostic("a\nb.yaml", 1, 3, "key '\x1b[2J'", "\u202e\x07\udcff", "\x1b]0;x\x07")
    for printed in (as_text(nasty), as_github(nasty)):
        assert not {c for c in printed if not c.isprintable()} - {"\n"}
    assert as_text(nasty).splitlines()[0] == r"a\nb.yaml:1:3: key '\x1b[2J'"


def test_github_command_is_one_line_with_its_separators_escaped() -> None:
    text = as_github(Diagnostic("a,b:c.yaml", 2, 1, "100% wrong: a,b", "hint"))
    assert text == (
        "::error file=a%2Cb%3Ac.yaml,line=2,col=1,title=adaptergen::100%25 wrong: a,b%0Ahint"
    )


def test_failure_lists_each_mistake_once_in_the_order_of_the_files() -> None:
    one, two, three = (Diagnostic(f, n, 1, "m") for f, n in (("a", 2), ("a", 10), ("b", 1)))
    assert Failure([three, two, one, two]).diagnostics == [one, two, three]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("atention", "did you mean 'attention'?"),
        ("key-value", "did you mean 'key_value'?"),
        ("norm", ""),
        ("att", ""),
        ("", ""),
    ],
)
def test_only_a_close_match_is_suggested(word: str, hint: str) -> None:
    assert did_you_mean(word, ["attention", "key_value", "query"]) == hint


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("LamaForCausalLM", "did you mean 'LlamaForCausalLM'?"),
        ("LlamaForCausalM", "did you mean 'LlamaForCausalLM'?"),
        ("NoSuchForCausalLM", ""),
    ],
)
def test_classes_are_not_alike_by_their_ending(word: str, hint: str) -> None:
    assert did_you_mean(word, ["YoutuForCausalLM", "LlamaForCausalLM"]) == hint


@pytest.mark.parametrize("marker", ["folder", "file"])
def test_annotation_has_the_path_from_the_root_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    inner = tmp_path / "repository" / "project" / "specs"
    inner.mkdir(parents=True)
    git = tmp_path / "repository" / ".git"
    git.mkdir() if marker == "folder" else git.write_text("gitdir: elsewhere")
    monkeypatch.chdir(inner.parent)
    for file in ("specs/a.yaml", str(inner / "a.yaml")):
        assert "file=project/specs/a.yaml," in as_github(Diagnostic(file, 2, 1, "wrong"))
    assert as_text(Diagnostic("specs/a.yaml", 2, 1, "wrong")).startswith("specs/a.yaml:2:1")
    monkeypatch.chdir(tmp_path)
    assert "file=b.yaml," in as_github(Diagnostic("b.yaml", 2, 1, "wrong"))
