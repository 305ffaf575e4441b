"""Biases of projections: one value for each, or one that stands for all."""

from typing import Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from adaptergen.spec.facet import Facet
from adaptergen.spec.values import Decided


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


class AttentionBias(Biases):
    """Biases of attention projections; one value stands for all four."""

    q: Decided = Field(description="Bias of the query projection.")
    k: Decided = Field(description="Bias of the key projection.")
    v: Decided = Field(description="Bias of the value projection.")
    o: Decided = Field(description="Bias of the output projection.")

    @property
    def conditional(self) -> list[str]:
        """The projections of queries, keys and values that a config key gives a bias."""
        return [role for role in "qkv" if isinstance(self.by_role[role], str)]


class PlainMlpBias(Biases):
    """Biases of an MLP's projections; one value stands for both."""

    in_: Decided = Field(alias="in", description="Bias of the input projection.")
    out: Decided = Field(description="Bias of the output projection.")


class GatedMlpBias(Biases):
    """Biases of a gated MLP's projections; one value stands for all three."""

    gate: Decided = Field(description="Bias of the gate projection.")
    in_: Decided = Field(alias="in", description="Bias of the input projection.")
    out: Decided = Field(description="Bias of the output projection.")


class FusedMlpBias(Biases):
    """Biases of the projections of an MLP with a fused gate; one value stands for both."""

    gate_in: Decided = Field(description="Bias of the fused projection.")
    out: Decided = Field(description="Bias of the output projection.")
