"""Biases of projections: one value for each, or one that stands for all."""

from typing import Any

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from adaptergen.language.facet import Facet


class Biases(Facet):
    """Base of a record of biases; its fields are projections."""

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: object) -> object:
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        return value if isinstance(value, dict) else dict.fromkeys(keys, value)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        record = handler.resolve_ref_schema(handler(schema))
        record.pop("required")  # a variant may give one of them
        one = next(iter(record["properties"].values()))
        return {"anyOf": [{"anyOf": one["anyOf"]}, record]}

    @property
    def by_role(self) -> dict[str, bool | str]:
        """The deciding value of each bias, by TL's name of the projection."""
        return self.model_dump(by_alias=True)
