"""Shows what was found in the reference on a terminal."""

from collections.abc import Sequence

from adaptergen.reference.checks import KNOWN_FAILURES, CheckEntry
from adaptergen.reference.lines import Lines
from adaptergen.reference.search import Found
from adaptergen.reference.terms import Term
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


def show(found: Sequence[Found], usage: Usage, lines: Lines) -> None:
    """Each in full: what it means, how it is written, an example, and who uses it."""
    for match in found:
        if match.kinds:
            _show_kinds(match.entry, usage, lines)
        elif match.words:
            for value in match.entry.values:
                if value.word in match.words:
                    _show_value(match.entry, value, usage, lines)
        else:
            _show_entry(match.entry, usage, lines)


def show_names(found: Sequence[Found], lines: Lines) -> None:
    """Each in a row."""
    lines.rows([_row(match) for match in found])


def show_checks(found: Sequence[CheckEntry], usage: Usage, lines: Lines) -> None:
    """One check in full, several in a row each."""
    if len(found) < 2:
        for check in found:
            _show_check(check, usage, lines)
        return
    lines.heading("Checks of `verify`:")
    lines.rows([(check.name, check.proves) for check in found])
    lines.gap()
    lines.text(f"`adaptergen explain {found[0].name}` says how one of them does it.")


def _show_check(check: CheckEntry, usage: Usage, lines: Lines) -> None:
    lines.heading(f"{check.name}, a check of `verify`")
    lines.text(check.proves)
    for paragraph in check.how:
        lines.text(paragraph)
    if check.claim:
        lines.gap()
        lines.text(f"If it fails, `{check.claim}` is not so.")
    (known,) = (entry for entry in entries() if entry.path == KNOWN_FAILURES)
    if failing := usage.of(known, check.name):
        lines.gap()
        lines.text(f"Known to fail, with the reason in the spec: {', '.join(failing)}.")
    lines.gap()
    lines.text(f"`adaptergen verify NAME --only {check.name}` runs it alone.")


def show_terms(found: Sequence[Term], lines: Lines) -> None:
    """Words that are no keys: what each means, its parts, and where to read on."""
    for term in found:
        lines.heading(term.title)
        lines.text(term.meaning)
        if term.parts:
            lines.gap()
            lines.rows(list(term.parts))
        if term.more:
            lines.gap()
            lines.text(term.more)


def show_overview(lines: Lines) -> None:
    """The keys at the top of a spec, with their kinds."""
    lines.heading("A spec says what an architecture is. Its keys:")
    every = entries()
    top = [entry for entry in every if "." not in entry.path]
    rows = [(entry.path, _summary(entry)) for entry in top]
    # The first key is the class; the parent comes next, and is none of the language's models.
    rows.insert(1, ("extends", "Spec that this one varies, by its name. May be left out."))
    lines.rows(rows)
    lines.heading("More:")
    words = "a key, a kind or a value, such as rope, `mlp gate`, moe or `kind`"
    lines.rows(
        [
            ("adaptergen explain WORD ...", f"explains {words}"),
            ("adaptergen explain claims.heads", "explains a check of `verify`; hook_z, a hook"),
            ("adaptergen explain --format markdown", "prints the whole reference"),
            ("adaptergen show llama", "prints a spec with everything that it inherits"),
        ]
    )


def _summary(entry: Entry) -> str:
    kinds = ", ".join(f"`{value.word}`" for value in entry.values)
    said = f"{entry.meaning} {entry.tag.capitalize()}: {kinds}." if entry.tag else entry.meaning
    return f"{said} {left_out(entry)}".strip()


def _row(match: Found) -> tuple[str, str]:
    entry, words = match.entry, match.words
    values = [value for value in entry.values if value.word in words]
    if not values:
        told = (entry.meaning, entry.about, whose(entry))
        return entry.path, " ".join(filter(None, told))
    said = "; ".join(f"`{value.written}`: {value.meaning}" for value in values)
    return entry.path, said


def _show_entry(entry: Entry, usage: Usage, lines: Lines) -> None:
    lines.heading(entry.path)
    lines.text(" ".join(filter(None, [entry.meaning, entry.about])))
    lines.text(" ".join(filter(None, [whose(entry), written(entry)])))
    if entry.has_alternatives:
        lines.gap()
        lines.rows([_alternative(entry, value, usage) for value in entry.values])
    _show_keys(entry, usage, lines)
    _show_example(usage, entry, "", lines)


def _alternative(entry: Entry, value: Value, usage: Usage) -> tuple[str, str]:
    return value.written, f"{value.meaning} {used_by(usage, entry, value.word, named=4)}"


def _show_keys(entry: Entry, usage: Usage, lines: Lines) -> None:
    """The keys inside; where these differ by kind, their names under each."""
    inside = keys_of(entry, entries())
    if not inside:
        return
    lines.gap()
    if not entry.tag:
        lines.rows([_key(key) for key in inside])
        return
    by_kind = {v.word: keys_of(entry, entries(), v.word) for v in entry.values}
    shared = [key for key in inside if all(key in keys for keys in by_kind.values())]
    rows = [("keys of every kind", shared)]
    rows += [(f"keys of {k}", [key for key in by_kind[k] if key not in shared]) for k in by_kind]
    lines.rows([(title, ", ".join(f"`{k.name}`" for k in keys)) for title, keys in rows if keys])
    lines.gap()
    lines.text(f"`adaptergen explain {entry.path} {entry.values[0].word}` explains each of them.")


def _key(entry: Entry) -> tuple[str, str]:
    return entry.name, " ".join(filter(None, [entry.meaning, left_out(entry)]))


def _show_kinds(entry: Entry, usage: Usage, lines: Lines) -> None:
    lines.heading(f"{entry.path}.{entry.tag}")
    lines.text(" ".join(filter(None, [entry.meaning, whose(entry)])))
    lines.gap()
    lines.rows([_alternative(entry, value, usage) for value in entry.values])


def _show_value(entry: Entry, value: Value, usage: Usage, lines: Lines) -> None:
    lines.heading(f"{entry.path}{', ' if entry.tag else ': '}{value.written}")
    lines.text(value.meaning or entry.meaning)
    if value.argument:
        lines.text(f"`{value.word}`: {value.argument}")
    lines.text(whose(entry))
    keys = keys_of(entry, entries(), value.word) if value.meaning else []
    if keys:
        lines.gap()
        lines.rows([_key(key) for key in keys])
    _show_example(usage, entry, value.word, lines)


def _show_example(usage: Usage, entry: Entry, word: str, lines: Lines) -> None:
    # Where alternatives are explained one by one, each has an example of its own.
    example = usage.example(entry, word) if word or not entry.has_alternatives else None
    if example:
        lines.code(example_title(example), example_lines(example))
    lines.gap()
    lines.text(used_by(usage, entry, word))
