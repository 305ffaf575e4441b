"""Words of the reference that a terminal and a page have in common."""

from collections.abc import Sequence

from adaptergen.infer.text import flow, part_text
from adaptergen.spec.reference import Entry
from adaptergen.spec.usage import Example, Usage

# Lines of an example: whole mappings of reasons are longer.
_LINES = 24
# Specs that are named before the rest is counted.
_NAMED = 20


def whose(entry: Entry, within: str = "") -> str:
    """The kinds under which a key stands; empty where it stands under all.

    `within` is a facet whose kind goes without saying.
    """
    said = []
    for under in entry.under:
        if under.facet == within:
            continue
        if under.tag:
            kinds = _either([f"`{under.tag}: {kind}`" for kind in under.kinds])
        else:
            kinds = _either([f"`{kind}`" for kind in under.kinds])
        said.append(f"`{under.facet}` is {kinds}")
    return f"Only where {' and '.join(said)}." if said else ""


def written(entry: Entry) -> str:
    """The form of a value, and its default."""
    if entry.like:
        looks = f"Written as `{entry.like.removesuffix('.*')}` is."
    else:
        looks = f"Value: {entry.expected}." if entry.expected else ""
    return " ".join(filter(None, [looks, left_out(entry)]))


def left_out(entry: Entry) -> str:
    """The default of a key; empty where it must be there."""
    if entry.required or "left out" in entry.meaning.lower():
        return ""
    if entry.default is None:
        return "May be left out."
    return f"Left out, it is `{flow(entry.default)}`."


def used_by(usage: Usage, entry: Entry, word: str = "", named: int = _NAMED) -> str:
    """The specs that use a key or a word."""
    return naming(usage.of(entry, word), len(usage), named)


def naming(names: Sequence[str], of: int, named: int = _NAMED) -> str:
    """Some of all specs by name, as long as they are not too many."""
    if not names:
        return "No spec uses it yet."
    if len(names) == of:
        return "Every spec has it."
    if len(names) <= named:
        return f"Used by {', '.join(names)}."
    return f"Used by {len(names)} specs, such as {', '.join(names[: named // 2])}."


def example_title(example: Example) -> str:
    """Where an example is from."""
    return f"specs/{example.spec}.yaml" if example.spec else "for example"


def example_lines(example: Example) -> list[str]:
    """An example as lines of YAML, cut where it is long."""
    lines = part_text(example.tree).split("\n")
    return lines if len(lines) <= _LINES else [*lines[:_LINES], "# ..."]


def _either(options: Sequence[str]) -> str:
    *first, last = options
    return f"{', '.join(first)} or {last}" if first else last
