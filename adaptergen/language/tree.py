"""YAML as a tree that knows where every key and value stands.

Scalars are read by YAML 1.2's core rules, which say what most people expect (`1e-6` is a number).
What YAML readers disagree about (`no`, `010`) is an error, as are duplicate keys, aliases and tags.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

import yaml

from adaptergen.errors import Diagnostic, Failure, capped

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_CONSTANTS = {
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_BOOLEAN_OF_OLD = re.compile(r"(?i:yes|no|on|off)")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9oO][0-9._eE]*")
_NO_ALIAS = "specs share values with `extends` only"
_MAX_DEPTH = 32
_MAX_DIGITS = 40

Scalar: TypeAlias = "bool | int | float | str | None"


class Node(NamedTuple):
    """A value and where it stands; for a value in a mapping, also where its key stands.

    `replaces` is the kind of the parent's facet in whose place it is, as a file has it.
    """

    value: "Scalar | dict[str, Node] | list[Node]"
    file: str
    line: int
    column: int
    key_line: int = 0
    key_column: int = 0
    replaces: str = ""

    @property
    def entries(self) -> "dict[str, Node]":
        """The entries of a mapping, by key; none for other values."""
        return self.value if isinstance(self.value, dict) else {}

    def plain(self) -> Any:
        """The value without positions."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class _Reader:
    """Builds the tree from PyYAML's events and collects every mistake on the way.

    Events rather than PyYAML's own nodes: those are composed by recursion in C, which a hostile
    file can drive into a crash.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.lines = text.splitlines()
        # PyYAML's stubs leave out the fields of events.
        self.events: Iterator[Any] = yaml.parse(text, Loader=_Loader)
        self.mistakes: list[Diagnostic] = []

    def report(self, mark: Any, message: str, hint: str = "") -> None:
        source = self.lines[mark.line] if mark.line < len(self.lines) else ""
        self.mistakes.append(
            Diagnostic(self.file, mark.line + 1, mark.column + 1, message, hint, source)
        )

    def report_broken(self, error: Any) -> None:
        mark, begun = error.problem_mark, error.context_mark
        source = self.lines[mark.line] if mark.line < len(self.lines) else ""
        hint = f"{error.context}, begun on line {begun.line + 1}" if begun else ""
        if error.problem.startswith("mapping values are not allowed"):
            hint = "quote text that has a colon in it"
        elif source[mark.column : mark.column + 1] == "\t":
            hint = "indent with spaces, not with tabs"
        self.report(mark, f"not valid YAML: {error.problem}", hint)

    def document(self) -> Node | None:
        """The one document of the file, or None where there is none."""
        root = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self.report(event.start_mark, "a second document", "one spec to a file")
                    break
                root = self.read(next(self.events))
        return root

    def read(self, event: Any, key: Any = None, depth: int = 0) -> Node:
        mark = event.start_mark
        if depth > _MAX_DEPTH:
            self.report(mark, f"nested more than {_MAX_DEPTH} levels deep")
            raise Failure(capped(sorted(set(self.mistakes))))
        value: Any = None
        self.refuse_reference(event)
        if isinstance(event, yaml.MappingStartEvent):
            value = self.mapping(depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
                value.append(self.read(item, None, depth + 1))
        elif isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
        at = (key.line + 1, key.column + 1) if key else (0, 0)
        return Node(value, self.file, mark.line + 1, mark.column + 1, *at)

    def refuse_reference(self, event: Any) -> None:
        """Aliases, anchors and tags let a short file stand for something else than it shows."""
        if isinstance(event, yaml.AliasEvent):
            self.report(event.start_mark, f"the alias *{event.anchor} cannot be used", _NO_ALIAS)
        elif event.anchor is not None:
            self.report(event.start_mark, f"the anchor &{event.anchor} cannot be used", _NO_ALIAS)
        elif event.tag is not None:
            hint = "quote the value if text is meant"
            self.report(event.start_mark, f"the tag {event.tag} cannot be used", hint)

    def mapping(self, depth: int) -> dict[str, Node]:
        result: dict[str, Node] = {}
        while not isinstance(key := next(self.events), yaml.MappingEndEvent):
            mark = key.start_mark
            if not isinstance(key, yaml.ScalarEvent):
                self.report(mark, "expected a word as a key")
                self.read(key, None, depth + 1)
                self.read(next(self.events), None, depth + 1)
                continue
            self.refuse_reference(key)
            child = self.read(next(self.events), mark, depth + 1)
            if key.value in result:
                first = result[key.value].key_line
                self.report(mark, f"duplicate key '{key.value}'", f"first on line {first}")
                continue
            result[key.value] = child
        return result

    def scalar(self, event: Any) -> Scalar:
        text: str = event.value
        if event.style not in (None, ""):
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if len(text) <= _MAX_DIGITS:
            if _INTEGER.fullmatch(text):
                return int(text)
            if _FLOAT.fullmatch(text) and isfinite(float(text)):
                return float(text)
        if _BOOLEAN_OF_OLD.fullmatch(text):
            meant = "true" if text.lower() in ("yes", "on") else "false"
            self.report(
                event.start_mark, f"'{text}' is a boolean to some YAML readers and text to others",
                f"write {meant}, or quote it if text is meant",
            )  # fmt: skip
        elif _FLOAT.fullmatch(text) or _LEADING_ZERO.fullmatch(text) or _special_to_yaml_1_1(text):
            self.report(
                event.start_mark, f"'{text}' is a different value to different YAML readers",
                "write a plain decimal number, or quote it if text is meant",
            )  # fmt: skip
        return text


def _special_to_yaml_1_1(text: str) -> bool:
    """Whether YAML 1.1 reads a plain scalar as no text, such as `1_000`, `1:20` or a date."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], [])
    return any(pattern.match(text) for _, pattern in resolvers)


def parse(file: str, data: bytes) -> Node:
    """Read one YAML document whose top level is a mapping.

    Raises:
        Failure: with every mistake of form in the file.
    """
    # No codec's own way to pass over it: places in its errors would not count the mark.
    data = data.removeprefix(BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        place = _after(data[: error.start].decode())
        raise Failure([Diagnostic(file, *place, "not UTF-8", "save the file as UTF-8")]) from None
    if conflicts := list(_conflicts(file, text)):
        raise Failure(conflicts)
    reader = _Reader(file, text)
    tree = None
    try:
        tree = reader.document()
    except yaml.MarkedYAMLError as error:
        reader.report_broken(error)
    except yaml.reader.ReaderError as error:
        # The position counts bytes of the text.
        before = text.encode()[: error.position].decode(errors="ignore")
        message = f"not valid YAML: the control character U+{error.character:04X}"
        reader.mistakes.append(Diagnostic(file, *_after(before), message))
    if tree is None and not reader.mistakes:
        reader.mistakes.append(
            Diagnostic(file, 0, 0, "the file is empty", "`adaptergen new` starts one")
        )
    if tree is not None and not reader.mistakes and not isinstance(tree.value, dict):
        source = reader.lines[tree.line - 1]
        message = "a spec is a mapping of keys to values"
        reader.mistakes.append(Diagnostic(file, tree.line, tree.column, message, "", source))
    if tree is None or reader.mistakes:
        raise Failure(capped(sorted(set(reader.mistakes))))
    return tree


def _conflicts(file: str, text: str) -> Iterator[Diagnostic]:
    """The places that git could not merge. No line of a spec begins as its marks do."""
    for number, line in enumerate(text.split("\n") if "<<<<<<< " in text else [], 1):
        if line.startswith("<<<<<<< "):
            hint = "decide between the lines above and below =======, and remove git's marks"
            yield Diagnostic(file, number, 1, "a merge conflict", hint, line.rstrip("\r"))


def _after(text: str) -> tuple[int, int]:
    """Line and column of what follows a text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines.count("\n") + 1, len(lines) - lines.rfind("\n")
