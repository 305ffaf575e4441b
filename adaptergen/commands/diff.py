"""`adaptergen diff`: what two specs say differently, facet by facet."""

import json
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from adaptergen.infer.text import flow
from adaptergen.report import visible
from adaptergen.selection import project_of, select_spec
from adaptergen.spec.compare import Difference, differences
from adaptergen.spec.load import Loader

# What of a value is shown in the table: a reason may be a paragraph.
_WIDTH = 60


def run(arguments: Namespace) -> int:
    """Print the facets that differ, first those that make another model; always 0."""
    project = project_of((arguments.one, arguments.other))
    names = (arguments.one, arguments.other)
    paths = [select_spec(project, name) for name in names]
    one, other = Loader(project.spec_folders()).load_all(paths)
    # Sorting is stable: each half keeps the order of the language.
    found = sorted(differences(one.spec, other.spec), key=lambda d: not d.semantic)
    shown = [d for d in found if d.semantic or arguments.all]
    if arguments.format == "json":
        print(json.dumps([_record(difference) for difference in shown], indent=2))
        return 0
    for line in [*_table(names, shown), *_footer(shown, len(found) - len(shown))]:
        print(line)
    return 0


def _record(difference: Difference) -> dict[str, Any]:
    return {
        "facet": difference.path,
        "semantic": difference.semantic,
        "left": difference.left,
        "right": difference.right,
    }


def _table(names: tuple[str, str], shown: Sequence[Difference]) -> list[str]:
    if not shown:
        return []
    rows = [("facet", *map(_cell, names))]
    rows += [(d.path, _cell(d.left), _cell(d.right)) for d in shown]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    rows.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2]))
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    text = visible(value if isinstance(value, str) else flow(value))
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3].rstrip()}..."


def _footer(shown: Sequence[Difference], left_out: int) -> list[str]:
    """Remarks beside the table, after an empty line where there is a table."""
    facets = f"{left_out} facet{'s' if left_out > 1 else ''}"
    more = f"{facets} of names, tokenizer, tiny model and verification: --all shows them"
    if not shown:
        same = "they describe the same model"
        return [f"{same}, and differ in {more}" if left_out else f"{same} in the same words"]
    return ["", f"they also differ in {more}"] if left_out else []
