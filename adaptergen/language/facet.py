"""Base classes of every facet of the spec language.

A facet is a frozen model that refuses unknown keys. A facet with several shapes is written either
as a mapping with a `kind` (pydantic's discriminated union), or, where it is short, as a `Choice`: a
word (`all`) or one key with its argument (`{flag: use_rope}`).
"""

from typing import Any, ClassVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

# Keys whose value names the class of a facet that has several.
TAGS = ("kind", "topology")


class Facet(BaseModel):
    """Base of every model of the language: immutable, closed, no silent conversion."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, defer_build=True, protected_namespaces=()
    )


class Choice(Facet):
    """One value of a facet that is written as a word or as a single key.

    `word` is that word or that key; a keyed choice has one required field of the same name.
    """

    word: ClassVar[str]


def tag_of(facet: type[Facet]) -> str:
    """The name of this class among its alternatives: a choice's word, or its `kind`."""
    if issubclass(facet, Choice):
        return facet.word
    for name in TAGS:
        if name in facet.model_fields:
            return str(get_args(facet.model_fields[name].annotation)[0])
    return ""


class Word(Choice):
    """A choice without an argument, such as `all`."""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: object) -> object:
        return {} if value == cls.word else value

    @model_serializer
    def _to_word(self) -> str:
        return self.word


class OneOf:
    """Annotation of a field that takes one of several `Choice` classes."""

    def __init__(self, *choices: type[Choice]) -> None:
        self.choices = {choice.word: choice for choice in choices}

    def allowed(self) -> list[str]:
        """How each choice is written, in the order of declaration."""
        return [
            word if issubclass(choice, Word) else f"{{{word}: ...}}"
            for word, choice in self.choices.items()
        ]

    def _word_of(self, value: object) -> str | None:
        if isinstance(value, Choice):
            return value.word
        if isinstance(value, dict):
            # A keyed choice is recognised by its key alone, so that its other keys can be reported.
            named = [
                word
                for word, c in self.choices.items()
                if not issubclass(c, Word) and word in value
            ]
            return named[0] if named else None
        choice = self.choices.get(value) if isinstance(value, str) else None
        return choice.word if choice is not None and issubclass(choice, Word) else None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.tagged_union_schema(
            choices={
                word: handler.generate_schema(choice) for word, choice in self.choices.items()
            },
            discriminator=self._word_of,
            custom_error_type="choice",
            custom_error_message="expected one of: {allowed}",
            custom_error_context={"allowed": ", ".join(self.allowed())},
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        options: list[dict[str, Any]] = []
        for word, choice in self.choices.items():
            if issubclass(choice, Word):
                options.append({"const": word, "description": choice.__doc__})
            else:
                options.append(handler(choice.__pydantic_core_schema__))
        return {"anyOf": options}
