"""How values enter Python source: as literals, prose and comments, never as code."""

import json
from unicodedata import east_asian_width

_WIDTH = 100
# `json.dumps` would make a new one for each text.
_quoted = json.JSONEncoder(ensure_ascii=False).encode


def literal(value: object) -> str:
    """A Python literal; strings in double quotes."""
    return _quoted(value) if isinstance(value, str) else repr(value)


def prose(text: str, indent: int = 0, hanging: int = 0) -> str:
    """Text for a docstring, wrapped; the first line's indentation is the template's."""
    # Quotes stay as they are, save those that would end the docstring.
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return _wrap(escaped, " " * indent, " " * (indent + hanging))


def comment(text: str, indent: int) -> str:
    """A comment of one or more lines; the first line's indentation is the template's."""
    return _wrap(text, " " * indent, " " * indent + "# ")


def _wrap(text: str, first: str, others: str) -> str:
    words = text.split()
    whole = " ".join(words)
    if len(first) + _width(whole) <= _WIDTH:
        return whole
    lines, line, width = [], "", len(first)
    for word in words:
        more = _width(word) + (1 if line else 0)
        if line and width + more > _WIDTH:
            lines.append(line)
            line, width, more = "", len(others), _width(word)
        line += f" {word}" if line else word
        width += more
    return f"\n{others}".join([*lines, line])


def _width(text: str) -> int:
    """Columns that a text takes, as linters count them: two for a wide character."""
    return len(text) if text.isascii() else sum(1 + (east_asian_width(c) in "WF") for c in text)
