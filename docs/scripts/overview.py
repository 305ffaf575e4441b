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
# The key of the spec that is the last to be shown: those that follow are for verification.
LAST_KEY = "attention"
# A panel is so many letters wide, which a phone shows in a size that can be read.
LETTERS = 72


class Panel(NamedTuple):
    """Lines of text under a title, and the command that leads from here to the next panel."""

    title: str
    lines: Sequence[str]
    step: str = ""


def panels(spec: str, module: str, measured: str) -> list[Panel]:
    """The boxes of the picture, from top to bottom."""
    return [
        Panel(SPEC, _cut(_beginning(spec)), "adaptergen build"),
        Panel(MODULE, _cut(_outline(module)), "adaptergen verify"),
        Panel("beside HuggingFace's own model", measured.splitlines()),
    ]


def _beginning(spec: str) -> list[str]:
    """A spec without its first line, which is for editors, up to the last key that is shown."""
    lines = spec.splitlines()[1:]
    keys = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    last = keys.index(lines.index(f"{LAST_KEY}:"))
    return lines[: keys[last + 1]]


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


def _cut(lines: Sequence[str]) -> list[str]:
    return [line if len(line) <= LETTERS else f"{line[: LETTERS - 1]}…" for line in lines]


def measured() -> str:
    """The committed figures of verification."""
    found = read_measurements(str(ROOT / "generated"))["smollm3"]
    names = ("torch", "transformers", "transformer_lens")
    versions = ", ".join(f"{name} {found.versions[name]}" for name in names)
    verdict = "verified" if found.passed else "failed"
    return (
        f"{verdict}: {found.checks} checks, {found.hooks} hooks in a layer,"
        f" largest difference {found.worst:.1e}\n{versions}\n"
    )


def drawn() -> str:
    """The text of the picture."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DOCS), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    spec, module = ((ROOT / name).read_text(encoding="utf-8") for name in (SPEC, MODULE))
    shown = panels(spec, module, measured())
    return environment.get_template(TEMPLATE).render(panels=shown, letters=LETTERS)


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(drawn(), encoding="utf-8")


if __name__ == "__main__":
    main()
