"""How values enter Python source: as literals, prose and comments, never as code."""

import json
import re
import textwrap

_WIDTH = 100


def literal(value: object) -> str:
    """A Python literal; strings in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def prose(text: str, indent: int = 0, hanging: int = 0) -> str:
    """Text for a docstring, wrapped; the first line's indentation is the template's."""
    # Of quotes, only those are escaped that could end the docstring.
    escaped = re.sub('"(?="")|"$', r"\"", text.replace("\\", "\\\\"))
    return _wrap(escaped, " " * indent, " " * (indent + hanging))


def comment(text: str, indent: int) -> str:
    """A comment of one or more lines; the first line's indentation is the template's."""
    return _wrap(text, " " * indent, " " * indent + "# ")


def _wrap(text: str, first: str, others: str) -> str:
    wrapped = textwrap.fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=others,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return wrapped.removeprefix(first)
