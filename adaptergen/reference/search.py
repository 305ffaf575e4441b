"""Finds entries of the reference by words: keys, kinds, values, or what is said of them."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from adaptergen.reference.checks import CheckEntry, checks
from adaptergen.reference.terms import TERMS
from adaptergen.spec.reference import Entry

_BETWEEN = re.compile(r"[\s:={},\[\]`]+")


class Found(NamedTuple):
    """An entry, and the words of it that were asked for; the key as a whole if there are none.

    With `kinds` it is the alternatives that were asked for, as by `kind` itself.
    """

    entry: Entry
    words: tuple[str, ...] = ()
    kinds: bool = False


def split(arguments: Sequence[str]) -> list[str]:
    """The words of arguments, which may be written as in a spec: `kind: moe`, `rope.layers`."""
    return [word for word in _BETWEEN.split(" ".join(arguments)) if word.strip(".")]


def find(words: Sequence[str], every: Sequence[Entry]) -> list[Found]:
    """The keys and values that all words fit, without the keys inside of a key that they fit."""
    found = [match for entry in every if (match := _fit(words, entry, every))]
    whole = {match.entry.path for match in found if not match.words}
    return [m for m in found if m.words or m.kinds or not _is_inside(m.entry.path, whole)]


def mentions(words: Sequence[str], every: Sequence[Entry]) -> list[Found]:
    """The keys and values of which all words are said."""
    return [match for entry in every if (match := _mention(words, entry))]


def find_checks(words: Sequence[str]) -> list[CheckEntry]:
    """The checks that are called so, or are of a group that is."""
    known = checks()
    return [check for check in known if any(word in (check.name, check.group) for word in words)]


def checks_about(words: Sequence[str]) -> list[CheckEntry]:
    """The checks in whose names, or in what they prove, all words are."""
    return [
        check
        for check in checks()
        if all(word.lower() in check.name.split(".") for word in words)
        or _all_in(words, check.proves)
    ]


def nearest(word: str, every: Sequence[Entry]) -> list[str]:
    """Up to three names that are nearly this one, of keys, kinds, values, checks or terms."""
    known = dict.fromkeys(name for entry in every for name in _names(entry))
    known |= dict.fromkeys(name for check in checks() for name in (check.name, check.group))
    known |= dict.fromkeys(name for term in TERMS for name in term.names)
    return get_close_matches(word, known, n=3, cutoff=0.75)


def _names(entry: Entry) -> Iterator[str]:
    yield entry.path
    yield from entry.path.split(".")
    yield from filter(None, [entry.tag])
    yield from (value.word for value in entry.values)


def _is_inside(path: str, outer: set[str]) -> bool:
    return any(path.startswith(f"{other}.") for other in outer)


def _fit(words: Sequence[str], entry: Entry, every: Sequence[Entry]) -> Found | None:
    keys, kinds, values = False, False, list[str]()
    for word in map(str.lower, words):
        said = [v.word for v in entry.values if _ends(_value_paths(entry, v.word), word)]
        if said:
            values += said
        elif entry.tag and _ends([f"{entry.path}.{entry.tag}"], word):
            kinds = True
        elif f".{word}." in f".{entry.path}.":
            keys = keys or _ends([entry.path], word)
        elif not _is_under(entry, word, every):
            return None
    if values:
        return Found(entry, tuple(dict.fromkeys(values)))
    return Found(entry, kinds=kinds) if keys or kinds else None


def _value_paths(entry: Entry, word: str) -> list[str]:
    """A value as the last part of a path, behind the key that says the kind or without that."""
    with_tag = [f"{entry.path}.{entry.tag}.{word}"] if entry.tag else []
    return [*with_tag, f"{entry.path}.{word}"]


def _ends(paths: Sequence[str], word: str) -> bool:
    return any(f".{path}".endswith(f".{word}") for path in paths)


def _is_under(entry: Entry, word: str, every: Sequence[Entry]) -> bool:
    """Whether a word is a kind under which the key stands, or the key that says the kind."""
    narrowed = {under.facet: under.kinds for under in entry.under}
    for outer in every:
        if entry.path.startswith(f"{outer.path}."):
            kinds = narrowed.get(outer.path, tuple(value.word for value in outer.values))
            if outer.values and word in (*kinds, outer.tag):
                return True
    return False


def _mention(words: Sequence[str], entry: Entry) -> Found | None:
    if _all_in(words, f"{entry.meaning} {entry.about} {entry.expected}"):
        return Found(entry)
    values = (v.word for v in entry.values if _all_in(words, f"{v.meaning} {v.argument}"))
    said = tuple(values)
    return Found(entry, said) if said else None


def _all_in(words: Sequence[str], text: str) -> bool:
    """Whether all words are in a text, written in one word (RMSNorm) or in several (rms_norm)."""
    return all(_in_one_word(word).search(text) for word in words)


def _in_one_word(word: str) -> re.Pattern[str]:
    letters = r"[\s_-]?".join(map(re.escape, re.split(r"[_-]", word)))
    return re.compile(rf"\b{letters}s?\b", re.IGNORECASE)
