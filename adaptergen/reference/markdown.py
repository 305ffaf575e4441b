"""The reference as Markdown: a page for each key at the top of a spec that has keys inside."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from adaptergen.reference.checks import KNOWN_FAILURES, checks
from adaptergen.reference.search import Found
from adaptergen.reference.words import (
    example_lines,
    example_title,
    left_out,
    used_by,
    whose,
    written,
)
from adaptergen.spec.reference import Entry, Value, entries, keys_of
from adaptergen.spec.usage import Usage

INDEX = "index.md"
CHECKS = "checks.md"
_LINK = re.compile(r"\[(`[^]]*`)\]\([^)]*\)")


def pages(usage: Usage) -> dict[str, str]:
    """The text of every page, by the name of its file."""
    every = entries()
    top = [entry for entry in every if "." not in entry.path]
    found = {file_of(entry): _page(entry, usage) for entry in top if _has_page(entry)}
    return {INDEX: _index(top, usage), **found, CHECKS: _checks(usage)}


def part(found: Sequence[Found], usage: Usage) -> str:
    """All entries found, one below the other."""
    sections: list[list[str]] = []
    for entry, words, _ in found:
        kinds = [value for value in entry.values if entry.tag and value.word in words]
        sections += [_kind(entry, value, usage) for value in kinds]
        sections += [] if kinds else [_section(entry, usage, "##")]
    return _LINK.sub(r"\1", "\n\n".join("\n".join(section) for section in sections))


def whole(usage: Usage) -> str:
    """All pages one below the other, without links between them."""
    return "\n".join(_LINK.sub(r"\1", text) for text in pages(usage).values()).rstrip()


def file_of(entry: Entry) -> str:
    """The file of a key's page."""
    return f"{entry.path}.md"


def _has_page(entry: Entry) -> bool:
    return bool(entry.values or keys_of(entry, entries()))


def _index(top: Sequence[Entry], usage: Usage) -> str:
    lines = [
        "# Reference of the spec language",
        "",
        "A spec is a mapping of these keys. `adaptergen explain WORD` explains a key, kind or value"
        " on a terminal; `adaptergen schema` prints a JSON Schema for editors.",
        "",
        "A spec with `extends` gives only what differs from the spec that it names. Mappings merge"
        " key by key; a choice (`all`, `{flag: ...}`) and a facet of another kind replace what the"
        " parent has.",
        "",
        f"[Checks]({CHECKS}) has what `adaptergen verify` proves of a spec.",
        "",
        "| key | meaning |",
        "|---|---|",
    ]
    for entry in top:
        target = file_of(entry) if _has_page(entry) else f"#{_anchor(entry)}"
        said = " ".join(filter(None, [entry.meaning, _kinds(entry), left_out(entry)]))
        lines.append(f"| [`{entry.path}`]({target}) | {_cell(said)} |")
    for entry in top:
        if not _has_page(entry):
            lines += ["", *_section(entry, usage, "##")]
    return "\n".join(lines) + "\n"


def _checks(usage: Usage) -> str:
    """The page of checks, by group."""
    lines = [
        "# Checks of `verify`",
        "",
        "What each check proves, and how. `adaptergen explain NAME` says it on a terminal.",
    ]
    (known,) = (entry for entry in entries() if entry.path == KNOWN_FAILURES)
    for group, inside in groupby(checks(), key=lambda check: check.group):
        lines += ["", f"## {group}"]
        for check in inside:
            lines += ["", f"### `{check.name}`", "", f"**{check.proves}**"]
            lines += [text for paragraph in check.how for text in ("", paragraph)]
            lines += ["", f"If it fails, {_link(check.claim)} is not so."] if check.claim else []
            names = ", ".join(usage.of(known, check.name))
            lines += ["", f"Known to fail for {names}."] if names else []
    return "\n".join(lines) + "\n"


def _link(path: str) -> str:
    """A link to a key of the language, or to that of which it says the kind, from another page."""
    entry = next(e for e in entries() if path in (e.path, f"{e.path}.{e.tag}"))
    top = path.partition(".")[0]
    page = INDEX if entry.path == top and not _has_page(entry) else f"{top}.md"
    return f"[`{path}`]({page}#{_anchor(entry)})"


def _kinds(entry: Entry) -> str:
    kinds = ", ".join(f"`{value.word}`" for value in entry.values)
    return f"{entry.tag.capitalize()}: {kinds}." if entry.tag else ""


def _page(top: Entry, usage: Usage) -> str:
    lines = _section(top, usage, "#")
    inside = [entry for entry in entries() if entry.path.startswith(f"{top.path}.")]
    if not top.tag:
        for entry in inside:
            lines += ["", *_section(entry, usage, "##")]
        return "\n".join(lines) + "\n"
    by_kinds = [(entry, _kinds_of(entry, top)) for entry in inside]
    shared = [entry for entry, kinds in by_kinds if not kinds]
    several = [entry for entry, kinds in by_kinds if len(kinds) > 1]
    for value in top.values:
        own = [entry for entry, kinds in by_kinds if kinds == (value.word,)]
        lines += ["", *_kind(top, value, usage)]
        for entry in own:
            lines += ["", *_section(entry, usage, "###", within=top.path)]
    for title, found in (("Keys of several kinds", several), ("Keys of every kind", shared)):
        lines += ["", f"## {title}"] if found else []
        for entry in found:
            lines += ["", *_section(entry, usage, "###")]
    return "\n".join(lines) + "\n"


def _kinds_of(entry: Entry, top: Entry) -> tuple[str, ...]:
    """The kinds of the page's facet under which a key stands; none if all of them."""
    return next((under.kinds for under in entry.under if under.facet == top.path), ())


def _kind(top: Entry, value: Value, usage: Usage) -> list[str]:
    """The description of one kind, with its keys."""
    lines = [f"## `{value.written}`", "", f"{value.meaning} {used_by(usage, top, value.word)}"]
    lines += ["", "| key | meaning |", "|---|---|"]
    for key in keys_of(top, entries(), value.word):
        said = " ".join(filter(None, [key.meaning, left_out(key)]))
        lines.append(f"| [`{key.name}`](#{_anchor(key)}) | {_cell(said)} |")
    return [*lines, *_example(usage, top, value.word)]


def _section(entry: Entry, usage: Usage, level: str, within: str = "") -> list[str]:
    """One key: what it means, how it is written, an example, and who uses it."""
    told = " ".join(filter(None, [entry.meaning, entry.about]))
    how = " ".join(filter(None, [whose(entry, within), written(entry)]))
    lines = [f"{level} {_title(entry)}", "", told]
    lines += ["", how] if how else []
    if entry.has_alternatives:
        lines += ["", *_alternatives(entry, usage)]
    inside = [] if entry.tag or entry.like else keys_of(entry, entries())
    if inside and level != "#":
        names = ", ".join(f"[`{key.name}`](#{_anchor(key)})" for key in inside)
        lines += ["", f"Keys: {names}."]
    if not entry.has_alternatives:
        lines += _example(usage, entry, "")
    return [*lines, "", used_by(usage, entry)]


def _alternatives(entry: Entry, usage: Usage) -> Iterator[str]:
    yield f"| {entry.tag or 'value'} | meaning | used by |"
    yield "|---|---|---|"
    for value in entry.values:
        argument = f" `{value.word}`: {value.argument}" if value.argument else ""
        shown = f"`{value.word if entry.tag else value.written}`"
        if entry.tag and "." not in entry.path:
            shown = f"[{shown}](#{_slug(value.written)})"
        names = _names(usage.of(entry, value.word), len(usage))
        yield f"| {shown} | {_cell(value.meaning + argument)} | {names} |"


def _names(names: Sequence[str], of: int) -> str:
    if not names:
        return "none yet"
    if len(names) == of:
        return "every spec"
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} specs, such as {names[0]}"


def _example(usage: Usage, entry: Entry, word: str) -> list[str]:
    example = usage.example(entry, word)
    if example is None:
        return []
    return ["", f'```yaml title="{example_title(example)}"', *example_lines(example), "```"]


def _title(entry: Entry) -> str:
    """The path, with kinds where another key has the same."""
    same = [other for other in entries() if other.path == entry.path]
    kinds = [kind for under in entry.under for kind in under.kinds] if len(same) > 1 else []
    return f"`{entry.path}` ({', '.join(kinds)})" if kinds else f"`{entry.path}`"


def _anchor(entry: Entry) -> str:
    return _slug(_title(entry))


def _slug(title: str) -> str:
    """The anchor of a heading, on GitHub and in Python's Markdown."""
    return re.sub(r"[^\w\s-]", "", title).strip().lower().replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
