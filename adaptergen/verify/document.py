"""Records as a JSON document: written, read back, and described by a schema."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from textwrap import indent
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adaptergen.errors import Unusable, shown_path
from adaptergen.language.files import read_bytes
from adaptergen.verify.record import Record

# Raised when a reader of older documents would misread one.
SCHEMA = 2
# What every document begins with.
START = '{\n  "schema": '
SCHEMA_FILE = "record.schema.json"
_LONGEST = 2**30
_NUMBER = {"anyOf": [{"type": "number"}, {"const": "inf"}]}


def to_json(records: Sequence[Record], *, complete: bool = True) -> str:
    """The document. Infinity, which JSON lacks, becomes text."""
    return assembled([record_json(record) for record in records], complete=complete)


def record_json(record: Record) -> str:
    """One record of the document."""
    tree = {"passed": record.passed, **_plain(asdict(record))}
    return json.dumps(tree, indent=2, allow_nan=False)


def assembled(records: Sequence[str], *, complete: bool) -> str:
    """The document of records that are JSON already; `complete` is false after an interruption."""
    inside = ",\n".join(indent(text, "    ") for text in records)
    listed = f"[\n{inside}\n  ]" if records else "[]"
    return f'{START}{SCHEMA},\n  "complete": {str(complete).lower()},\n  "records": {listed}\n}}\n'


def read_records(path: str) -> list[Record]:
    """The records of a document; none if there is no such file, or one of another schema.

    Raises:
        Unusable: if the file is no such document.
    """
    if not os.path.lexists(path):
        return []
    try:
        document = json.loads(read_bytes(path, _LONGEST))
        if document["schema"] != SCHEMA:
            return []
        trees = [{k: v for k, v in tree.items() if k != "passed"} for tree in document["records"]]
        return TypeAdapter(list[Record]).validate_python(trees)
    except (
        ValueError, TypeError, LookupError, AttributeError, RecursionError, ValidationError,
    ):  # fmt: skip
        raise Unusable(f"{shown_path(path)} holds no records of `adaptergen verify`") from None


def schema_text() -> str:
    """The schema as it is committed beside this module."""
    return json.dumps(_schema(), indent=2) + "\n"


def _schema() -> dict[str, Any]:
    tree = TypeAdapter(Record).json_schema(mode="serialization")
    parts = tree.pop("$defs")
    record = _closed(tree)
    record["properties"] = {"passed": {"type": "boolean"}, **record["properties"]}
    record["required"] = ["passed", *record["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "adaptergen verify --json",
        "description": "What verification found, one record per architecture.",
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA},
            "complete": {
                "description": "False where the run was interrupted: records are missing.",
                "type": "boolean",
            },
            "records": {"type": "array", "items": {"$ref": "#/$defs/Record"}},
        },
        "required": ["schema", "complete", "records"],
        "additionalProperties": False,
        "$defs": {**{name: _closed(part) for name, part in parts.items()}, "Record": record},
    }


def _closed(node: Any) -> Any:
    """A schema in which every key of an object is required and no other is allowed."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "number":
        return _NUMBER
    # pydantic makes titles of the names, which are there already.
    dropped = {"default"} | ({"title"} if isinstance(node.get("title"), str) else set())
    closed = {key: _closed(value) for key, value in node.items() if key not in dropped}
    if "properties" in node:
        closed |= {"required": list(node["properties"]), "additionalProperties": False}
    return closed


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
