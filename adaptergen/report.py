"""Prints diagnostics: for people, for programs, and for GitHub's annotations."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from adaptergen.errors import Diagnostic, shown_path

FORMATS = ("text", "json", "github")
_EXCERPT = 160
_LONGEST = 2000


def as_text(diagnostic: Diagnostic, colour: bool = False) -> str:
    """`file:line:column: message`, the line with a caret, and what is allowed."""
    bold, red, reset = ("\033[1m", "\033[31m", "\033[0m") if colour else ("", "", "")
    location, message = visible(diagnostic.location), _brief(diagnostic.message)
    lines = [f"{bold}{location}{reset}: {red}{message}{reset}"]
    if diagnostic.line and diagnostic.source:
        lines += _excerpt(diagnostic)
    if diagnostic.hint:
        lines.append(f"    {_brief(diagnostic.hint)}")
    return "\n".join(lines)


def _excerpt(diagnostic: Diagnostic) -> list[str]:
    """The line of a mistake and a caret under it; of a long line, the part around the caret."""
    start = max(0, diagnostic.column - _EXCERPT // 2) if len(diagnostic.source) > _EXCERPT else 0
    shown = diagnostic.source[start : start + _EXCERPT]
    # Tabs before the caret keep it under its character.
    before = visible(diagnostic.source[start : diagnostic.column - 1])
    padding = "".join("\t" if c == "\t" else " " for c in before)
    number = str(diagnostic.line)
    return [f"  {number} | {visible(shown)}", f"  {' ' * len(number)} | {padding}^"]


def _brief(text: str) -> str:
    """Visible text; of what quotes a very long word, the start."""
    return visible(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ...")


def visible(text: str) -> str:
    """Text with control characters escaped: a spec from a stranger must not steer the terminal."""
    return "".join(
        c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text
    )


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
    place = [f"file={_property(visible(_in_repository(diagnostic.file)))}"]
    if diagnostic.line:
        place += [f"line={diagnostic.line}", f"col={diagnostic.column}"]
    text = "\n".join(filter(None, [_brief(diagnostic.message), _brief(diagnostic.hint)]))
    return f"::error {','.join(place)},title=adaptergen::{_data(text)}"


def _in_repository(path: str) -> str:
    """A path from the root of its git repository; outside of one as it is shown."""
    folder = absolute = os.path.realpath(path)
    while (parent := os.path.dirname(folder)) != folder:
        folder = parent
        # In a work tree or a submodule it is a file.
        if os.path.lexists(os.path.join(folder, ".git")):
            return os.path.relpath(absolute, folder).replace(os.sep, "/")
    return shown_path(path)


def _data(text: str) -> str:
    """Text escaped for GitHub, which reads one command a line."""
    return text.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def print_failures(diagnostics: Sequence[Diagnostic], style: str) -> None:
    """Print diagnostics: text to stderr, what a program reads to stdout."""
    if style == "json":
        print_json(errors=diagnostics)
    elif style == "github":
        for diagnostic in diagnostics:
            print(as_github(diagnostic))
    else:
        colour = wants_colour(sys.stderr)
        for diagnostic in diagnostics:
            print(as_text(diagnostic, colour), file=sys.stderr)


def print_json(changes: Sequence[dict[str, str]] = (), errors: Sequence[Diagnostic] = ()) -> None:
    """Print the outcome of a run for programs; both keys are always there."""
    import json

    outcome = {"changes": list(changes), "errors": [as_dict(error) for error in errors]}
    print(json.dumps(outcome, indent=2))


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal and the user has not set NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR")
