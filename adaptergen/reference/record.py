"""Entries of the reference for programs."""

from typing import Any

from adaptergen.infer.text import part_text
from adaptergen.reference.search import Found
from adaptergen.spec.reference import Entry
from adaptergen.spec.usage import Usage


def as_dict(found: Found, usage: Usage) -> dict[str, Any]:
    """An entry for JSON, with those of its values that were asked for, or all."""
    entry = found.entry
    return {
        "key": entry.path,
        "meaning": entry.meaning,
        "about": entry.about,
        "only_where": {under.facet: list(under.kinds) for under in entry.under},
        "expected": entry.expected,
        "required": entry.required,
        "default": entry.default,
        "like": entry.like,
        "tag": entry.tag,
        "values": [
            {
                "word": value.word,
                "written": value.written,
                "meaning": value.meaning,
                "argument": value.argument,
                **_usage(entry, value.word, usage),
            }
            for value in entry.values
            if not found.words or value.word in found.words
        ],
        **_usage(entry, "", usage),
    }


def _usage(entry: Entry, word: str, usage: Usage) -> dict[str, Any]:
    example = usage.example(entry, word)
    shown = {"spec": example.spec, "text": part_text(example.tree)} if example else None
    return {"example": shown, "used_by": usage.of(entry, word)}
