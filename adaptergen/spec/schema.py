"""The JSON Schema of spec files, for editors. `build` checks more than a schema can say."""

import json
from typing import Any

from adaptergen.spec.model import Spec

LINE = "# yaml-language-server: $schema=schema.json"
_REQUIRED = ["architecture", "summary"]


def json_schema() -> dict[str, Any]:
    """The models' schema, with `extends`, and without requiring what a parent may give."""
    schema = Spec.model_json_schema(by_alias=True)
    for definition in schema.get("$defs", {}).values():
        # A choice is written whole; of any other mapping a variant may give a part.
        if len(definition.get("properties", {})) > 1:
            definition.pop("required", None)
    _undivided(schema)
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "Name of the spec that this one varies: the project's, or a bundled one.",
    }
    schema["required"] = _REQUIRED
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _undivided(schema: Any) -> None:
    """A variant need not repeat the tag of a facet, so that its part may be one of several's."""
    if isinstance(schema, dict):
        if "discriminator" in schema:
            schema["anyOf"] = schema.pop("oneOf")
        for value in schema.values():
            _undivided(value)


def schema_text() -> str:
    """The schema as text."""
    return json.dumps(json_schema(), indent=2) + "\n"
