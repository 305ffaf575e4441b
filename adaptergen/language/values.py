"""The scalars of the spec language. Nothing that passes here can become code."""

import keyword
import re
from enum import Enum
from functools import cached_property
from typing import Annotated, Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_MAX_LENGTH = 2000
MAX_NAME = 200


class Denotes(Enum):
    """The kind of thing in HF that a name stands for."""

    KEY = "config key"
    PART = "module or parameter"
    ATTRIBUTE = "attribute of attention"
    ARGUMENT = "argument"


NAME = "[A-Za-z][A-Za-z0-9_]*"


class Matches:
    """A string that matches `pattern` in full and is no keyword; `expected` says so to the user."""

    def __init__(self, pattern: str, expected: str) -> None:
        self.pattern = pattern
        self.expected = expected

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.ASCII)

    def matches(self, value: str) -> bool:
        """Whether a text is of the pattern."""
        return bool(self._compiled.fullmatch(value)) and len(value) <= MAX_NAME

    def check(self, value: str) -> str:
        """The value itself, if it matches."""
        if keyword.iskeyword(value):
            raise PydanticCustomError("text", "a keyword of Python cannot be a name")
        if not self.matches(value):
            raise PydanticCustomError("text", "expected {expected}", {"expected": self.expected})
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^{self.pattern}$"}


def is_plain_name(annotation: object) -> bool:
    """Whether an annotation is that of a name, rather than of a path or of text."""
    return isinstance(annotation, Matches) and annotation.pattern == NAME


_DOTTED = Matches(
    r"[A-Za-z0-9][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*", "a dotted path such as model.layers"
)


class _Prose:
    """Printable text, folded onto one line: safe in a docstring once quotes are escaped."""

    expected = "text"

    def check(self, value: str) -> str:
        folded = " ".join(value.split())
        if not folded.isprintable():
            code = next(f"U+{ord(c):04X}" for c in folded if not c.isprintable())
            message = "the invisible character {code} cannot be in text"
            raise PydanticCustomError("text", message, {"code": code})
        if not 0 < len(folded) <= _MAX_LENGTH:
            message = "expected text of 1 to {limit} characters"
            raise PydanticCustomError("text", message, {"limit": _MAX_LENGTH})
        return folded

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))


class _Fault(_Prose):
    """The text of a fault: with `*` for a part of it, never for all of it."""

    expected = "the fault as `verify` words it"
    # A check that reports it is none of its words.
    _CHECK = re.compile(r"^[a-z0-9_]+\.[a-z0-9_.]+: ", re.ASCII)
    _WORD = re.compile("[A-Za-z]{2,}", re.ASCII)
    _FEWEST = 2

    def check(self, value: str) -> str:
        folded = super().check(value)
        words = self._WORD.findall(self._CHECK.sub("", folded))
        if "*" in folded and len(words) < self._FEWEST:
            message = (
                "'{text}' would excuse every failure; write the fault as `verify` words it, with"
                " `*` for what differs, such as: the output for * strings"
            )
            raise PydanticCustomError("text", message, {"text": folded})
        return folded


# Before a config key that decides by not being set.
UNLESS = "not "


def deciding(decided: str) -> tuple[str, bool]:
    """The config key that decides, and the value by which it does."""
    key = decided.removeprefix(UNLESS)
    return key, key == decided


def setting(decided: str) -> str:
    """The config that a key decides by, in words."""
    key, is_set = deciding(decided)
    return f"`config.{key}` is {'set' if is_set else 'not set'}"


class _Decided:
    """`false`, `true`, or the HF config key that decides, perhaps by not being set."""

    expected = "false, true, or the HF config key that decides (`not KEY`: by not being set)"

    _KEY = re.compile(rf"({UNLESS})?[A-Za-z][A-Za-z0-9_]*", re.ASCII)

    def check(self, value: object) -> bool | str:
        if isinstance(value, bool) or (isinstance(value, str) and self._KEY.fullmatch(value)):
            return value
        raise PydanticCustomError(
            "decided", "expected false, true, or the HF config key that decides (attention_bias)"
        )

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": f"^{self._KEY.pattern}$"}]
        }


class _Moved:
    """A path, several of them, or null for none: where a version has what a key names."""

    expected = "a path, a list of paths, or null"

    def check(self, value: object) -> str | list[str] | None:
        paths = value if isinstance(value, list) else [value]
        if value is None or all(isinstance(p, str) and _DOTTED.matches(p) for p in paths):
            return value  # type: ignore[return-value]
        raise PydanticCustomError("moved", "expected {expected}", {"expected": self.expected})

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        path = {"type": "string", "pattern": f"^{_DOTTED.pattern}$"}
        return {"anyOf": [path, {"type": "array", "items": path}, {"type": "null"}]}


class _LeavingOutNull:
    """A mapping of free keys, of which null takes one out that a parent has put in."""

    def check(self, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: inner for key, inner in value.items() if inner is not None}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        mapping = handler(schema)
        for pattern, value in mapping["patternProperties"].items():
            mapping["patternProperties"][pattern] = {"anyOf": [value, {"type": "null"}]}
        return mapping


LeavingOutNull = _LeavingOutNull()


ClassName: TypeAlias = Annotated[
    str,
    # A bare suffix would leave no prefix for the names of generated classes.
    Matches(r"(?!ForCausalLM$)[A-Z][A-Za-z0-9_]*", "a class name such as LlamaForCausalLM"),
]
Name: TypeAlias = Annotated[str, Matches(NAME, "a name of letters, digits and underscores")]
ConfigKey: TypeAlias = Annotated[Name, Denotes.KEY]
PartName: TypeAlias = Annotated[Name, Denotes.PART]
Attribute: TypeAlias = Annotated[Name, Denotes.ATTRIBUTE]
Argument: TypeAlias = Annotated[Name, Denotes.ARGUMENT]
# Modules of a sequence are named by numbers.
Path: TypeAlias = Annotated[str, _DOTTED, Denotes.PART]
Setting: TypeAlias = Annotated[
    str,
    Matches(rf"({UNLESS})?{NAME}", "an HF config key, or `not KEY` for one that is not set"),
    Denotes.KEY,
]
ImportedName: TypeAlias = Annotated[
    str,
    Matches(
        rf"{NAME}(\.{NAME})*:{NAME}", "a module and a name in it, such as package.module:Class"
    ),
]
MutantName: TypeAlias = Annotated[
    str, Matches(r"[a-z0-9_.-]+", "a mutant's name such as flags.gated_mlp")
]
CheckName: TypeAlias = Annotated[
    str, Matches(r"[a-z0-9_]+\.[a-z0-9_.]+", "a check's name such as forward.logits")
]
SettingName: TypeAlias = Annotated[
    str, Matches(r"[A-Za-z][A-Za-z0-9_]*=\S[ -~]*", "a setting such as hidden_act=tanh")
]
ClaimName: TypeAlias = Annotated[
    str, Matches(r"[a-z0-9_]+(\.[a-z0-9_]+)*", "a key of specs such as mlp.experts")
]
Version: TypeAlias = Annotated[
    str, Matches(r"[0-9]+\.[0-9]+", "major and minor version in quotes, such as '5.21'")
]
Prose: TypeAlias = Annotated[str, _Prose()]
Fault: TypeAlias = Annotated[str, _Fault()]
Moved: TypeAlias = Annotated[str | list[str] | None, _Moved()]
Decided: TypeAlias = Annotated[bool | str, _Decided()]
