"""Writes the guide to notebooks as a notebook: docs/guides/notebook.ipynb.

The page is what is written and tested; its text, code, output and picture become cells.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from docs.scripts import DOCS

PAGE = DOCS / "guides" / "notebook.md"
NOTEBOOK = PAGE.with_suffix(".ipynb")
SITE = "https://adaptergen.github.io/adaptergen"
_CODE = re.compile(
    r"^```python\n(?P<code>.*?)^```\n"
    r'(?:\n```text title="output"\n(?P<printed>.*?)^```\n)?'
    r"(?:\n!\[[^\]]*\]\((?P<picture>[^)]*)\)\n)?",
    re.DOTALL | re.MULTILINE,
)
_LINK = re.compile(r"\]\((?P<path>\.\./[\w/-]+)\.md\)")
# What of the page makes no sense in the notebook.
_ITSELF = " It is a [notebook](notebook.ipynb) too."


def notebook(page: str) -> dict[str, Any]:
    """The notebook of a page."""
    return {
        "cells": [{"id": f"cell-{number}", **cell} for number, cell in enumerate(_cells(page))],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cells(page: str) -> Iterator[dict[str, Any]]:
    end = 0
    for count, block in enumerate(_CODE.finditer(page), 1):
        yield from _text(page[end : block.start()])
        yield {
            "cell_type": "code",
            "execution_count": count,
            "metadata": {},
            "outputs": list(_outputs(block)),
            "source": _lines(block["code"]),
        }
        end = block.end()
    yield from _text(page[end:])


def _text(text: str) -> Iterator[dict[str, Any]]:
    text = _LINK.sub(lambda link: f"]({SITE}/{link['path'][3:]}/)", text.replace(_ITSELF, ""))
    if text.strip():
        yield {"cell_type": "markdown", "metadata": {}, "source": _lines(text.strip())}


def _outputs(block: re.Match[str]) -> Iterator[dict[str, Any]]:
    if block["printed"]:
        yield {"name": "stdout", "output_type": "stream", "text": _lines(block["printed"])}
    if block["picture"]:
        picture = (PAGE.parent / block["picture"]).read_text(encoding="utf-8")
        data = {"image/svg+xml": _lines(picture)}
        yield {"data": data, "metadata": {}, "output_type": "display_data"}


def _lines(text: str) -> list[str]:
    return text.rstrip("\n").splitlines(keepends=True)


def written(page: str) -> str:
    """The text of the notebook's file."""
    return json.dumps(notebook(page), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the notebook."""
    NOTEBOOK.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
