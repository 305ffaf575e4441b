"""A validated spec, or a part of it, as a file would have it."""

import json
from typing import Any

from adaptergen.language.bias import Biases
from adaptergen.language.facet import Facet, Word
from adaptergen.language.walk import key_of


def written(value: object) -> Any:
    """A value in as few words as the language allows: defaults left out, one bias for all."""
    if isinstance(value, Word):
        return value.word
    if isinstance(value, Biases):
        one, *others = value.by_role.values()
        return value.by_role if any(other != one for other in others) else one
    if isinstance(value, Facet):
        return {
            key_of(name, field): written(getattr(value, name))
            for name, field in type(value).model_fields.items()
            if field.is_required() or getattr(value, name) != field.get_default()
        }
    if isinstance(value, dict):
        return {key: written(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [written(item) for item in value]
    return value


def same(one: object, other: object) -> bool:
    """Whether two values are written alike; to Python, true is 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
