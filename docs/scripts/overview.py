"""Draws what adaptergen does with SmolLM3, from its files: docs/overview.svg.

A spec, the class of its module that matters, and what verification says of it.
"""

import ast
from collections.abc import Sequence
from typing import NamedTuple

import jinja2

from adaptergen.commands.architectures import read_measurements
from docs.scripts import DOCS, ROOT

TEMPLATE = "overview.svg.jinja"
PICTURE = DOCS / "overview.svg"
SPEC, MODULE = "specs/smollm3.yaml", "generated/smollm3.py"
# The class of the module that is shown.
CLASS = "_SmolLM3AttentionBridge"


class Panel(NamedTuple):
    """A column of text under a title, as wide as so many letters."""

    title: str
    lines: Sequence[str]
    letters: int
    step: str = ""
    """The command that leads from here to the next panel."""


def panels(spec: str, module: str, measured: str) -> list[Panel]:
    """The boxes of the picture, from left to right."""
    return [
        Panel(SPEC, _cut(spec.splitlines()[1:], 50), 50, "adaptergen build"),
        Panel(MODULE, _cut(_outline(module), 78), 78, "adaptergen verify"),
        Panel("HuggingFace's own model", measured.splitlines(), 30),
    ]


def _outline(module: str) -> list[str]:
    """The code of the class, without what it says about itself and without blanks."""
    (found,) = (
        node
        for node in ast.parse(module).body
        if isinstance(node, ast.ClassDef) and node.name == CLASS
    )
    said = {
        line
        for node in ast.walk(found)
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    lines = module.splitlines()
    numbers = range(found.lineno, (found.end_lineno or 0) + 1)
    shown = [lines[number - 1] for number in numbers if number not in said]
    return [line for line in shown if line.strip() and not line.strip().startswith("#")]


def _cut(lines: Sequence[str], letters: int) -> list[str]:
    return [line if len(line) <= letters else f"{line[: letters - 1]}…" for line in lines]


def measured() -> str:
    """The committed figures of verification."""
    found = read_measurements(str(ROOT / "generated"))["smollm3"]
    versions = "\n".join(f"{name} {version}" for name, version in found.versions.items())
    verdict = "verified" if found.passed else "failed"
    return (
        f"{verdict}: {found.checks} checks\n{found.hooks} hooks in a layer\n"
        f"largest difference\n  {found.worst:.1e}\n\n{versions}\n"
    )


def drawn() -> str:
    """The text of the picture."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DOCS), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    spec, module = ((ROOT / name).read_text(encoding="utf-8") for name in (SPEC, MODULE))
    shown = panels(spec, module, measured())
    rows = max(len(panel.lines) for panel in shown)
    return environment.get_template(TEMPLATE).render(panels=shown, rows=rows)


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(drawn(), encoding="utf-8")


if __name__ == "__main__":
    main()
