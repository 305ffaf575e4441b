"""A spec as YAML that reads as one written by hand, the evidence for its lines beside them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from textwrap import wrap
from typing import Any

from adaptergen.errors import Failure
from adaptergen.language.facet import Facet
from adaptergen.language.tree import parse
from adaptergen.language.walk import classes_of, fields_of
from adaptergen.report import visible
from adaptergen.spec.model import Spec
from adaptergen.spec.schema import LINE

_WIDTH = 100
# A comment may go a little further, so that it need not leave its line.
_COMMENT_WIDTH = 110
_COMMENT_COLUMN = 48
# What files begin and end with; between them keys come in the order of the language.
_FIRST = ("architecture", "aliases", "extends", "model_type", "class_prefix", "title", "summary")
_LAST = ("tiny",)
# Mappings with a line for each entry.
_IN_BLOCKS = ("attention", "multipliers", "processing", "tokenizer", "tiny")
# Those whose entries are sentences, and so are the entries of mappings inside.
_OF_SENTENCES = ("refused", "verification")


@dataclass(frozen=True)
class _Line:
    """A line, and the dotted paths of what it says: some in full, `within` with all below it."""

    text: str
    paths: tuple[str, ...] = ()
    within: str = ""

    @property
    def indent(self) -> str:
        return self.text[: len(self.text) - len(self.text.lstrip(" "))]


def spec_text(child: Mapping[str, Any], evidence: Mapping[str, str]) -> str:
    """A spec's file: `child` as YAML, with comments from `evidence`, which has them by dotted path.

    What stands on one line gets all the evidence for what is below its path; an item of a list has
    its number for a key. Evidence for what `child` does not say is left out.
    """
    lines = list(_Writer(evidence).mapping(_ordered(child)))
    said = [(line, _comment(line, evidence)) for line in lines]
    widths = [len(line.text) for line, comment in said if comment and _fits(line.text, comment)]
    column = max((width for width in widths if width <= _COMMENT_COLUMN), default=0)
    texts = (text for line, comment in said for text in _commented(line, comment, column))
    return "\n".join([LINE, *texts]) + "\n"


def part_text(part: Mapping[str, Any]) -> str:
    """A part of a spec's file as YAML, with the keys that lead to it."""
    return "\n".join(line.text for line in _Writer({}).mapping(_ordered(part)))


def flow(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {flow(value[key])}" for key in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return _scalar(value, in_flow=True)


def _ordered(child: Mapping[str, Any]) -> dict[str, Any]:
    """The keys in the order of specs; those that the language lacks come last."""
    tree = _in_language_order(child, (Spec,))
    first = [key for key in _FIRST if key in tree]
    last = [key for key in _LAST if key in tree]
    middle = [key for key in tree if key not in (*first, *last)]
    return {key: tree[key] for key in (*first, *middle, *last)}


def _in_language_order(value: Any, classes: Sequence[type[Facet]]) -> Any:
    if isinstance(value, list):
        return [_in_language_order(item, classes) for item in value]
    if not isinstance(value, Mapping):
        return value
    # Where a kind is inherited, its keys tell which it is, or come in the same order.
    known = [fields_of(cls) for cls in classes]
    fields = next((own for own in known if value.keys() - {"extends"} <= own.keys()), {})
    keys = [*(key for key in fields if key in value), *(key for key in value if key not in fields)]
    return {
        str(key): _in_language_order(
            value[str(key)], classes_of(fields[key].annotation) if key in fields else ()
        )
        for key in keys
    }


class _Writer:
    """Writes a tree line by line."""

    def __init__(self, evidence: Mapping[str, str]) -> None:
        self.evidence = evidence

    def mapping(
        self, value: Mapping[str, Any], path: str = "", indent: str = ""
    ) -> Iterator[_Line]:
        for key, inner in value.items():
            inside = f"{path}.{key}" if path else key
            yield from self.entry(f"{indent}{_key(key)}:", inner, inside, indent)

    def entry(self, start: str, value: Any, path: str, indent: str) -> Iterator[_Line]:
        """The text that a key or a dash begins, on its line or on those below it."""
        if isinstance(value, Mapping | list):
            if self.on_one_line(start, value, path):
                yield _Line(f"{start} {flow(value)}", (path,), path)
                return
            yield _Line(start, (path,))
            if isinstance(value, Mapping):
                yield from self.mapping(value, path, indent + "  ")
            else:
                for number, item in enumerate(value):
                    yield from self.item(item, f"{path}.{number}", indent + "  ")
            return
        text = f"{start} {_scalar(value)}"
        if len(text) <= _WIDTH or not _can_be_folded(value):
            yield _Line(text, (path,), path)
            return
        yield _Line(f"{start} >-", (path,), path)
        for part in _wrapped(value, _WIDTH - len(indent) - 2):
            yield _Line(f"{indent}  {part}")

    def item(self, value: Any, path: str, indent: str) -> Iterator[_Line]:
        """An item of a list; what is inside of it begins on the line of its dash."""
        if not isinstance(value, Mapping) or not value:
            yield from self.entry(f"{indent}-", value, path, indent)
            return
        first, *others = self.mapping(value, path, indent + "  ")
        text = f"{indent}- {first.text.removeprefix(indent + '  ')}"
        yield _Line(text, (path, *first.paths), first.within)
        yield from others

    def on_one_line(self, start: str, value: Mapping[str, Any] | list[Any], path: str) -> bool:
        """Whether a mapping or a list is plain and short enough."""
        if not value:
            return True
        if self.of_lines(value, path):
            return False
        text = flow(value)
        return '"' not in text and len(f"{start} {text}") <= _WIDTH

    def of_lines(self, value: Mapping[str, Any] | list[Any], path: str) -> bool:
        """Whether a mapping or a list has a line for each entry, be it ever so short."""
        if isinstance(value, list):
            return any(isinstance(item, Mapping) for item in value)
        top = path.split(".")[0]
        if top in _OF_SENTENCES or path in _IN_BLOCKS:
            return True
        if path == top and sum(said.startswith(f"{path}.") for said in self.evidence) > 1:
            return True
        return len(value) > 1 and any(isinstance(inner, Mapping) for inner in value.values())


def _can_be_folded(value: object) -> bool:
    """Whether a text is words with single spaces between them: YAML folds lines to such."""
    return isinstance(value, str) and value == " ".join(value.split()) and value.isprintable()


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, width, break_long_words=False, break_on_hyphens=False)


@lru_cache(1000)
def _key(key: str) -> str:
    plain = all(_reads_as(text, {key: 1}) for text in (f"{key}: 1", f"{{{key}: 1}}"))
    return key if plain else _quoted(key)


def _scalar(value: object, in_flow: bool = False) -> str:
    if isinstance(value, str):
        return _text(value, in_flow)
    if isinstance(value, float):
        # 1e-06 is nobody's way to write it.
        return re.sub(r"e([-+])0+", r"e\1", repr(value))
    return json.dumps(value)


@lru_cache(1000)
def _text(text: str, in_flow: bool) -> str:
    plain = _reads_as(f"{{k: {text}}}" if in_flow else f"k: {text}", {"k": text})
    return text if plain else _quoted(text)


def _reads_as(line: str, tree: dict[str, Any]) -> bool:
    """Whether a line of YAML is a tree: the parser knows best what needs quotes."""
    try:
        return bool(parse("", line.encode()).plain() == tree)
    except Failure:
        return False


def _quoted(text: str) -> str:
    """Text in double quotes: JSON's, but that YAML wants more characters escaped."""
    return "".join(
        c if c.isprintable() else f"\\U{ord(c):08X}" for c in json.dumps(text, ensure_ascii=False)
    )


def _comment(line: _Line, evidence: Mapping[str, str]) -> str:
    """The evidence for a line, each sentence once."""
    said = dict.fromkeys(
        " ".join(text.split())
        for path, text in evidence.items()
        if path in line.paths or (line.within and path.startswith(f"{line.within}."))
    )
    return visible("; ".join(filter(None, said)))


def _commented(line: _Line, comment: str, column: int) -> Iterator[str]:
    """The line with its comment at its end, or above it where there is no room."""
    text = f"{line.text:<{column}}"
    if not comment:
        yield line.text
    elif _fits(text, comment):
        yield f"{text}  # {comment}"
    else:
        for part in _wrapped(comment, _WIDTH - len(line.indent) - 2):
            yield f"{line.indent}# {part}"
        yield line.text


def _fits(text: str, comment: str) -> bool:
    return len(f"{text}  # {comment}") <= _COMMENT_WIDTH
