"""`adaptergen explain`: the reference of the spec language, whole, by key, by kind or by value."""

import json
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator

from adaptergen.errors import Failure, failure, shown_path
from adaptergen.project import find_project
from adaptergen.reference.lines import Lines
from adaptergen.reference.markdown import part, whole
from adaptergen.reference.record import as_dict
from adaptergen.reference.search import Found, find, find_checks, mentions, nearest, split
from adaptergen.reference.terminal import show, show_checks, show_names, show_overview
from adaptergen.reference.words import naming
from adaptergen.report import wants_colour
from adaptergen.spec.files import find_spec, spec_files, spec_name
from adaptergen.spec.load import LoadedSpec, Loader
from adaptergen.spec.reference import entries
from adaptergen.spec.usage import Usage

# Lines that are longer are hard to read.
_WIDEST = 100


def run(arguments: Namespace) -> int:
    """Print what was asked for; 1 if no word of the reference is nearly that."""
    lines = Lines(_width(), wants_colour(sys.stdout))
    words = split(arguments.words)
    if arguments.format != "text":
        print(_for_programs(arguments, words))
        return 0
    if not words:
        show_overview(lines)
    elif not _show(words, lines) and not _show_other(words, lines):
        raise _unknown(words)
    print("\n".join(lines.lines))
    return 0


def _show(words: list[str], lines: Lines) -> bool:
    """Show keys, kinds, values and checks that are called so."""
    found, named = find(words, entries()), find_checks(words)
    if found or named:
        usage = Usage(_specs())
        show(found, usage, lines)
        show_checks(named, usage, lines)
    return bool(lines.lines)


def _show_other(words: list[str], lines: Lines) -> bool:
    """Show what is no word of the language: a name that specs give, or a word in the reference."""
    if find_spec(words[-1], find_project().spec_folders()):
        return False
    usage = Usage(_specs())
    for word in words:
        if not find([word], entries()) and (said := usage.saying(word)):
            lines.heading(f"{word} is what specs give these keys:")
            lines.rows([(key, naming(names, len(usage))) for key, names in said.items()])
    if not lines.lines and (found := mentions(words, entries())):
        lines.heading(f"No key, kind or value is called {' '.join(words)}. These speak of it:")
        show_names(found, lines)
    return bool(lines.lines)


def _for_programs(arguments: Namespace, words: list[str]) -> str:
    """All that was asked for, the whole reference without words, as JSON or as Markdown.

    Raises:
        Failure: if nothing is called so.
    """
    found = find(words, entries()) if words else [Found(entry) for entry in entries()]
    if not found:
        raise _unknown(words)
    usage = Usage(_specs())
    if arguments.format == "json":
        return json.dumps([as_dict(match, usage) for match in found], indent=2)
    return part(found, usage) if words else whole(usage)


def _width() -> int:
    return min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)


def _specs() -> Iterator[LoadedSpec]:
    """The project's specs and the bundled ones, but for those with mistakes."""
    project = find_project()
    loader = Loader(project.spec_folders())
    found: dict[str, str] = {}
    for folder in project.spec_folders():
        for path in spec_files(folder):
            found.setdefault(spec_name(path), path)
    for path in found.values():
        try:
            yield loader.load(path)
        except Failure:
            print(f"note: {shown_path(path)} has mistakes and is left out", file=sys.stderr)


def _unknown(words: list[str]) -> Failure:
    asked, last = " ".join(words), words[-1]
    if find_spec(last, find_project().spec_folders()):
        hint = f"`adaptergen show {last}` prints the spec of that name"
        return failure(asked, "no key, kind or value is called so", hint)
    near = [name for word in words for name in nearest(word, entries())]
    hint = f"nearly so called: {', '.join(near)}" if near else "`adaptergen explain` lists all keys"
    return failure(asked, "no key, kind or value is called so, and none speaks of it", hint)
