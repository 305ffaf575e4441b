"""What the README shows is what the commands print and the files hold."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from adaptergen.cli import main

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(
    r"<!-- (?P<kind>file|output): (?P<what>.*?) -->\n(?P<body>.*?)<!-- end -->", re.DOTALL
)
NUMBER = re.compile(r"\d\.\de[-+]\d\d")


def derived(kind: str, what: str, output: Callable[[str], str]) -> str:
    """The text that belongs under a marker."""
    if kind == "file":
        name, _, part = what.partition(", ")
        text = (ROOT / name).read_text()
        if part:
            start = text.index(f"class {part}(")
            text = text[start : text.index("\n\n\n", start)] + "\n"
        language = {".yaml": "yaml", ".py": "python"}.get(Path(name).suffix, "")
        return f"```{language}\n{text}```\n"
    text = output(what)
    return text if text.startswith("|") else f"```\n$ {what}\n{text}```\n"


@pytest.fixture
def output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    monkeypatch.chdir(ROOT)

    def run(command: str) -> str:
        main(shlex.split(command)[1:])
        captured = capsys.readouterr()
        return captured.out or captured.err

    return run


def test_examples_and_tables_are_fresh(output, request) -> None:
    text = README.read_text()
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == 5
    fresh = text
    for block in blocks:
        body = derived(block["kind"], block["what"], output)
        if NUMBER.sub("N", body) != NUMBER.sub("N", block["body"]):
            marker = block[0].partition("\n")[0]
            fresh = fresh.replace(block[0], f"{marker}\n{body}<!-- end -->")
    if request.config.getoption("--update-cases"):
        README.write_text(fresh)
    assert fresh == text, "run pytest --update-cases and look at the difference"


def test_verbs_of_the_command_line_are_all_mentioned() -> None:
    text = README.read_text()
    for verb in ("build", "verify", "show", "diff", "list", "explain", "schema", "new"):
        assert f"adaptergen {verb}" in text
