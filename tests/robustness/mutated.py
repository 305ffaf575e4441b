"""Specs with mistakes in them, made from good ones: in their bytes, lines, scalars and trees."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

import yaml

# What a scalar may be that should be something else.
SCALARS = (
    "null", "~", "true", "no", "on", "0", "-1", "010", "0o8", "0x1F", "0b2", "1_000", "1e308",
    "1e999", "1e-6", ".nan", "-.inf", "190:20:30", "2026-02-30", "2026-13-01T99:00:00Z",
    "9" * 5000, "1e", "''", '""', "' '", "x" * 5000, "[]", "{}", "[[[]]]", "[a, [b, {c: d}]]",
    "{a: {b: {c: 1}}}", "{? [a] : b}", "{1: 2}", "{null: 1}", "*gone", "&a [*a]", "&b {c: *b}",
    "!!python/object/apply:os.system [x]", "!!binary aGk=", "!!set {a}", "!!float x", "!!int x",
    "!!timestamp x", "!!null x", "!x y", "<<", "model.layers", "a..b", ".a", "a.", "class",
    "__import__", "self", "a b", "a-b", "a/b", "../a", "é", "\u202e", "\u2028", "\ufffd",
    "\ufeff", "\U0001f642", "'{{ 7 }}'", "'{% raw %}'", '"\\x00"', '"\\ud800"', '"\\e[2J"',
    "'\"\"\"'", "{not: a}", "{flag: a}", "{config: a}", "{invalid: a}", "not a", "all", "none",
)  # fmt: skip
KEYS = (
    "extends", "architecture", "layouts", "hatch", "tiny", "versions", "verification", "norm",
    "block", "mlp", "attention", "rope", "bias", "x", "1", "null", "true", "~", "?", "<<", "''",
    "[a]", "{a: b}", "*a", "é", "__class__", "a b", "since", "aliases", "processing",
    "multipliers",
)  # fmt: skip
BYTES = (
    b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n", b"\t", b"\x85", b"\x1b[2J",
    b": ", b"- ", b"---\n", b"...\n", b"%YAML 9.9\n", b"# ", b"'", b'"', b"|\n", b">\n", b"{",
    b"}", b"[", b"]", b"&a ", b"*a ", b"!!", b"@", b"`", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"? ", b"\xfe\xff\0a",
)  # fmt: skip
_SCALAR = re.compile(r"(?<=: )[^\s#\[{][^\n]*|(?<=\[)[^\],]+|(?<=, )[^\],}]+")
_KEY = re.compile(r"(?m)^( *)([\w.]+)(?=:)")
_DEEP = 300

Mutation = Callable[[random.Random, bytes, list[bytes]], bytes]


def mutated(seed: int, specs: list[bytes]) -> bytes:
    """One of the specs with one to five mistakes, the same for the same seed."""
    chance = random.Random(seed)
    data = chance.choice(specs)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        data = chance.choice(MUTATIONS)(chance, data, specs)
    return data


def _bytes(chance: random.Random, data: bytes, specs: list[bytes]) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(BYTES) + data[at + chance.choice((0, 0, 1, 5)) :]


def _encoded(chance: random.Random, data: bytes, specs: list[bytes]) -> bytes:
    """In another encoding, or in none, with UTF-8's mark in front of it or not."""
    text = data.decode("utf-8", "replace") + chance.choice(("", "# é\n"))
    encoding = chance.choice(("utf-16", "utf-32-be", "latin-1", "cp037", "shift_jis", "utf-8"))
    return chance.choice((b"", b"\xef\xbb\xbf")) + text.encode(encoding, "replace")


def _cut(chance: random.Random, data: bytes, specs: list[bytes]) -> bytes:
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return chance.choice((data[:start], data[end:], data[:start] + data[end:]))


def _splice(chance: random.Random, data: bytes, specs: list[bytes]) -> bytes:
    other = chance.choice(specs)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]


def _lines(chance: random.Random, data: bytes, specs: list[bytes]) -> bytes:
    lines = data.split(b"\n")
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            lines[at], lines[to] = lines[to], lines[at]
        case 1:
            lines.insert(to, lines[at])
        case 2:
            del lines[at]
        case 3:
            lines[at] = b" " * chance.randrange(1, 5) + lines[at]
        case _:
            lines[at] = lines[at].lstrip()
    return b"\n".join(lines)


def _scalar(chance: random.Random, data: bytes, specs: list[bytes]) -> bytes:
    return _replaced(chance, data, _SCALAR, lambda found: chance.choice(SCALARS))


def _key(chance: random.Random, data: bytes, specs: list[bytes]) -> bytes:
    return _replaced(chance, data, _KEY, lambda found: found[1] + chance.choice(KEYS))


def _added(chance: random.Random, data: bytes, specs: list[bytes]) -> bytes:
    key, value = chance.choice(KEYS), chance.choice(SCALARS)
    return data + f"{key}: {value}\n".encode("utf-8", "surrogatepass")


def _replaced(
    chance: random.Random, data: bytes, pattern: re.Pattern[str], new: Callable[[Any], str]
) -> bytes:
    text = data.decode("utf-8", "surrogateescape")
    places = list(pattern.finditer(text))
    if not places:
        return data
    one = chance.choice(places)
    text = text[: one.start()] + new(one) + text[one.end() :]
    return text.encode("utf-8", "surrogatepass" if "\ud800" in text else "surrogateescape")


def _tree(chance: random.Random, data: bytes, specs: list[bytes]) -> bytes:
    """Parts of one spec in places of another, or in no place at all."""
    try:
        tree, other = yaml.safe_load(data), yaml.safe_load(chance.choice(specs))
    except Exception:
        # PyYAML lets through whatever its constructors meet.
        return data
    places, parts = list(_places(tree)), [part for _, _, part in _places(other)]
    if not places or not parts:
        return data
    holder, key, _ = chance.choice(places)
    part: Any = chance.choice(parts)
    for _ in range(chance.choice((0, 0, 0, 1, 2, _DEEP))):
        part = chance.choice(([part], {"a": part}))
    if chance.random() < 0.3 and isinstance(holder, dict):
        holder[chance.choice(KEYS)] = part
    else:
        holder[key] = part
    try:
        return json.dumps(tree, default=str, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError, RecursionError):
        return data


def _places(tree: Any, depth: int = 0) -> Any:
    """Each part of a tree, with what holds it and under which key."""
    if depth > 20:
        return
    pairs = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, part in list(pairs):
        yield tree, key, part
        yield from _places(part, depth + 1)


MUTATIONS: tuple[Mutation, ...] = (
    _bytes, _cut, _splice, _lines, _scalar, _scalar, _scalar, _key, _added, _tree, _tree, _encoded,
)  # fmt: skip
