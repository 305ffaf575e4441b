"""Prints diagnostics: for people, for programs, and for GitHub's annotations."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from adaptergen.errors import Diagnostic, shown_path

FORMATS = ("text", "json", "github")


def as_text(diagnostic: Diagnostic, colour: bool = False) -> str:
    """`file:line:column: message`, the line with a caret, and what is allowed."""
    bold, red, reset = ("\033[1m", "\033[31m", "\033[0m") if colour else ("", "", "")
    lines = [f"{bold}{diagnostic.location}{reset}: {red}{diagnostic.message}{reset}"]
    if diagnostic.line and diagnostic.source:
        number = str(diagnostic.line)
        lines.append(f"  {number} | {diagnostic.source}")
        if diagnostic.column:
            # Tabs before the caret keep it under its character.
            before = diagnostic.source[: diagnostic.column - 1]
            padding = "".join("\t" if c == "\t" else " " for c in before)
            lines.append(f"  {' ' * len(number)} | {padding}^")
    if diagnostic.hint:
        lines.append(f"    {diagnostic.hint}")
    return "\n".join(lines)


def as_dict(diagnostic: Diagnostic) -> dict[str, str | int]:
    """A diagnostic for JSON."""
    return {
        "file": shown_path(diagnostic.file),
        "line": diagnostic.line,
        "column": diagnostic.column,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }


def as_github(diagnostic: Diagnostic) -> str:
    """A GitHub workflow command that annotates the line."""
    place = [f"file={_property(shown_path(diagnostic.file))}"]
    if diagnostic.line:
        place += [f"line={diagnostic.line}", f"col={diagnostic.column}"]
    text = f"{diagnostic.message}\n{diagnostic.hint}".rstrip()
    return f"::error {','.join(place)},title=adaptergen::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def print_failures(diagnostics: Sequence[Diagnostic], style: str) -> None:
    """Print diagnostics: text to stderr, what a program reads to stdout."""
    if style == "json":
        import json

        print(json.dumps({"errors": [as_dict(d) for d in diagnostics]}, indent=2))
    elif style == "github":
        for diagnostic in diagnostics:
            print(as_github(diagnostic))
    else:
        colour = wants_colour(sys.stderr)
        for diagnostic in diagnostics:
            print(as_text(diagnostic, colour), file=sys.stderr)


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal and the user has not set NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR")
