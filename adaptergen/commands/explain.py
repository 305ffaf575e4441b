"""`adaptergen explain`: the reference of the spec language."""

from argparse import Namespace
from collections.abc import Iterable, Sequence

from adaptergen.errors import did_you_mean, failure
from adaptergen.spec.reference import Entry, entries, find


def run(arguments: Namespace) -> int:
    """Print one facet in full, or all of them as a Markdown table."""
    if not arguments.facet:
        print(as_markdown(entries()))
        return 0
    found = find(arguments.facet)
    if not found:
        known = [part for entry in entries() for part in (entry.path, *entry.path.split("."))]
        hint = did_you_mean(arguments.facet, known) or "`adaptergen explain` lists all facets"
        raise failure(arguments.facet, "no such facet", hint)
    print(as_text(found))
    return 0


def as_text(found: Sequence[Entry]) -> str:
    """Entries one below the other, their values indented and aligned."""
    blocks: list[str] = []
    for entry in found:
        width = max(len(value.written) for value in entry.values) if entry.values else 0
        lines = [f"{entry.path}: {entry.meaning}"]
        lines += [f"    {v.written:<{width}}  {v.meaning}".rstrip() for v in entry.values]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def as_markdown(every: Iterable[Entry]) -> str:
    """A table of keys, how they are written, and what they mean."""
    lines = ["| key | value | meaning |", "|---|---|---|"]
    for entry in every:
        scalar = len(entry.values) == 1 and not entry.values[0].meaning
        value = entry.values[0].written if scalar else ""
        lines.append(f"| `{entry.path}` | {value} | {entry.meaning} |")
        if not scalar:
            lines += [f"| | `{v.written}` | {v.meaning} |" for v in entry.values]
    return "\n".join(lines)
