"""`adaptergen explain`: the reference of the spec language, whole, by key, by kind or by value."""

import json
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adaptergen.errors import Failure, failure, shown_path
from adaptergen.language.files import find_spec, spec_files, spec_name
from adaptergen.project import find_project
from adaptergen.reference.checks import CheckEntry
from adaptergen.reference.lines import Lines
from adaptergen.reference.markdown import part, whole
from adaptergen.reference.record import as_dict
from adaptergen.reference.search import (
    Found,
    checks_about,
    find,
    find_checks,
    mentions,
    nearest,
    split,
)
from adaptergen.reference.terminal import (
    show,
    show_checks,
    show_names,
    show_overview,
    show_terms,
)
from adaptergen.reference.terms import Term, find_terms
from adaptergen.reference.words import naming
from adaptergen.report import wants_colour
from adaptergen.spec.load import LoadedSpec, Loader
from adaptergen.spec.reference import entries
from adaptergen.spec.usage import Usage

# Lines that are longer are hard to read.
_WIDEST = 100


def run(arguments: Namespace) -> int:
    """Print what was asked for; 1 if no word of the reference is nearly that."""
    words = split(arguments.words)
    lines = Lines(_width(), wants_colour(sys.stdout))
    if not words and arguments.format == "text":
        show_overview(lines)
        print("\n".join(lines.lines))
        return 0
    usage = Usage(_specs())
    if arguments.format == "text":
        _show(_answer(words, usage), words, usage, lines)
        print("\n".join(lines.lines))
    else:
        print(_for_programs(arguments.format, words, usage))
    return 0


@dataclass(frozen=True)
class _Answer:
    """All that words mean: entries, checks and terms that are called so, and keys given them.

    `called` is false where nothing is called so, and the entries and checks only speak of it.
    """

    found: Sequence[Found]
    checks: Sequence[CheckEntry]
    terms: Sequence[Term]
    said: Mapping[str, Mapping[str, Sequence[str]]]
    called: bool = True


def _answer(words: list[str], usage: Usage) -> _Answer:
    """What is called so or, if nothing is, speaks of it.

    Raises:
        Failure: if nothing does either.
    """
    every = entries()
    found, checks, terms = find(words, every), find_checks(words), list(find_terms(words))
    called = bool(found or checks or terms)
    if not called and find_spec(words[-1], find_project().spec_folders()):
        raise _unknown(words)
    # Of several words those that are known narrow the others.
    given = [word for word in words if len(words) == 1 or not find([word], every)]
    said = {word: keys for word in given if (keys := _said(word, found, usage))}
    if called or said:
        return _Answer(found, checks, terms, said)
    found, checks = mentions(words, every), checks_about(words)
    if not found and not checks:
        raise _unknown(words)
    return _Answer(found, checks, (), {}, called=False)


def _said(word: str, found: Sequence[Found], usage: Usage) -> dict[str, list[str]]:
    """Keys that specs give a name; none where the name is a value of the language itself."""
    if any(match.words or match.kinds for match in found):
        return {}
    return usage.saying(word)


def _show(answer: _Answer, words: list[str], usage: Usage, lines: Lines) -> None:
    if not answer.called:
        lines.heading(f"No key, kind or value is called {' '.join(words)}. These speak of it:")
        show_names(answer.found, lines)
        lines.rows([(check.name, check.proves) for check in answer.checks])
        return
    show(answer.found, usage, lines)
    show_terms(answer.terms, lines)
    show_checks(answer.checks, usage, lines)
    for word, keys in answer.said.items():
        also = "also " if lines.lines else ""
        lines.heading(f"{word} is {also}what specs give these keys:")
        lines.rows([(key, naming(names, len(usage))) for key, names in keys.items()])


def _for_programs(style: str, words: list[str], usage: Usage) -> str:
    """All that was asked for, the whole reference without words, as JSON or as Markdown."""
    if style == "json":
        answer = _answer(words, usage) if words else None
        found = answer.found if answer else [Found(entry) for entry in entries()]
        told = [as_dict(match, usage) for match in found]
        return json.dumps(told + (_others(answer) if answer else []), indent=2)
    if not words:
        return whole(usage)
    found = find(words, entries())
    if not found:
        raise _unknown(words)
    return part(found, usage)


def _others(answer: _Answer) -> list[dict[str, Any]]:
    """Checks, terms and names that specs give, for programs."""
    return [
        *({"check": c.name, "proves": c.proves, "how": c.how, "claim": c.claim}
          for c in answer.checks),
        *({"term": t.title, "meaning": t.meaning, "parts": dict(t.parts), "more": t.more}
          for t in answer.terms),
        *({"word": word, "given_to": keys} for word, keys in answer.said.items()),
    ]  # fmt: skip


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
