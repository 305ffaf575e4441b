"""Which values of the language a spec has: its choices, kinds, words, and optional keys given."""

from collections.abc import Iterator
from typing import Any, Literal, get_origin

from adaptergen.language.facet import TAGS, Choice, Facet, tag_of
from adaptergen.language.walk import classes_of, key_of
from adaptergen.spec.extends import IDENTITY
from adaptergen.spec.model import Spec

# Together they have every value that bundled specs have: what is verified in each run of the tests.
REPRESENTATIVE = (
    "afmoe",
    "bitnet",
    "cohere",
    "deepseek_v3",
    "ernie4_5_moe",
    "exaone4",
    "falcon",
    "flex_olmo",
    "gemma",
    "gpt_oss",
    "gptj",
    "granite_swa",
    "granitemoeshared",
    "hyperclovax",
    "nanochat",
    "phi3",
    "qwen2_moe",
    "stablelm",
)

# What says nothing of how a model computes, and what has a reason of its own in each spec.
LEFT_OUT = {
    *IDENTITY,
    "paths",
    "processing",
    "tokenizer",
    "tiny",
    "equivalent",
    "limits",
    "checks",
    "config",
    "fused",
}


def values_of(spec: Spec) -> set[str]:
    """Such as `mlp.kind: moe`, `norm.weight: offset` and `mlp.shared`."""
    return set(_values(spec, ""))


def _values(facet: Facet, prefix: str) -> Iterator[str]:
    for name, field in type(facet).model_fields.items():
        key, value = key_of(name, field), getattr(facet, name)
        path = f"{prefix}{key}"
        if key in LEFT_OUT or key in TAGS:
            continue
        several = len(classes_of(field.annotation)) > 1
        if several:
            yield f"{path}: {tag_of(type(value))}"
        elif get_origin(field.annotation) is Literal:
            yield f"{path}: {value}"
        elif value != field.get_default() and not field.is_required():
            yield path
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Facet):
                yield from _values(inner, _below(type(facet), key, path))


def language(facet: type[Facet] = Spec, prefix: str = "") -> Iterator[str]:
    """Every choice, kind and word that a spec can have, in the same notation."""
    for name, field in facet.model_fields.items():
        key = key_of(name, field)
        path, classes = f"{prefix}{key}", classes_of(field.annotation)
        if key in LEFT_OUT or key in TAGS:
            continue
        if len(classes) > 1:
            yield from (f"{path}: {tag_of(cls)}" for cls in classes)
        elif get_origin(field.annotation) is Literal:
            words: tuple[Any, ...] = field.annotation.__args__  # type: ignore[union-attr]
            yield from (f"{path}: {word}" for word in words)
        for cls in classes:
            yield from language(cls, _below(facet, key, path))


def _below(facet: type[Facet], key: str, path: str) -> str:
    """The key of a keyed choice is its word, which the choice itself is named by."""
    is_word = issubclass(facet, Choice) and facet.word == key
    return f"{path.removesuffix(key)}" if is_word else f"{path}."
