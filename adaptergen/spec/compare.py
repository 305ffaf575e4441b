"""Differences between two specs, facet by facet."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from adaptergen.language.bias import Biases
from adaptergen.language.facet import Choice, Facet
from adaptergen.language.walk import key_of
from adaptergen.language.written import same, written
from adaptergen.spec.block import Layout
from adaptergen.spec.extends import IDENTITY
from adaptergen.spec.model import Spec
from adaptergen.spec.processing import Invalid

# What says nothing of how the model computes: names, what verification needs, and reasons.
NOT_SEMANTIC = (
    *IDENTITY,
    "tokenizer",
    "tiny",
    "versions",
    "verification",
    "attention.reason",
    "hatch.reason",
)


@dataclass(frozen=True)
class Difference:
    """A facet by its dotted path, and what each spec says; None where it says nothing."""

    path: str
    left: Any
    right: Any

    @property
    def semantic(self) -> bool:
        """Whether the models differ, rather than what is said of them."""
        return not _under(self.path, NOT_SEMANTIC) and _meant(self.path, self.left) != _meant(
            self.path, self.right
        )


def facets(spec: Spec) -> dict[str, Any]:
    """Every facet of a spec by its dotted path.

    A choice and a record of biases are one value each, as they are written. Where a facet has
    several kinds, its `kind` has a path of its own. A layout has for a key what it depends on.
    """
    return dict(_facets(spec, ""))


def differences(one: Spec, other: Spec, *, ignoring: Collection[str] = ()) -> list[Difference]:
    """The facets that differ, in the order of the language, but for paths to be ignored.

    What is below an ignored path is ignored too.
    """
    left, right = facets(one), facets(other)
    order = {key: number for number, key in enumerate(Spec.model_fields)}
    paths = sorted({**left, **right}, key=lambda path: order[path.split(".")[0]])
    return [
        Difference(path, left.get(path), right.get(path))
        for path in paths
        if not same(left.get(path), right.get(path)) and not _under(path, ignoring)
    ]


def semantic_differences(one: Spec, other: Spec) -> list[Difference]:
    """The facets in which the models differ: that there is a reason counts, not its wording.

    Of two specs that rule out compatibility mode, nothing depends on its steps.
    """
    ruled_out = all(isinstance(s.processing.compatibility_mode, Invalid) for s in (one, other))
    ignoring = ("processing",) if ruled_out else ()
    return [d for d in differences(one, other, ignoring=ignoring) if d.semantic]


def _facets(facet: Facet, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, field in type(facet).model_fields.items():
        path = prefix + key_of(name, field)
        value = getattr(facet, name)
        if isinstance(value, Facet) and not isinstance(value, Choice | Biases):
            yield from _facets(value, f"{path}.")
        elif isinstance(value, dict):
            yield from ((f"{path}.{key}", written(inner)) for key, inner in value.items())
        elif name == "layouts":
            yield from _layouts(value, path)
        elif name == "opaque":
            # HF computes with them in whatever order they are named.
            yield path, sorted(set(value))
        else:
            yield path, written(value)


def _layouts(layouts: list[Layout], path: str) -> Iterator[tuple[str, Any]]:
    """The keys that layouts depend on, whose order counts, and the layouts by these."""
    yield path, [layout.when for layout in layouts]
    for layout in layouts:
        if layout.unless:
            yield f"{path}.{layout.when}.unless", layout.unless
        yield from _facets(layout.block, f"{path}.{layout.when}.")


def _under(path: str, above: Collection[str]) -> bool:
    return any(f"{path}.".startswith(f"{other}.") for other in above)


def _meant(path: str, value: Any) -> Any:
    """A value without the wording of its reason."""
    if path.startswith("refused."):
        return value is not None
    if path.startswith("processing.") and isinstance(value, dict):
        condition = value.get("invalid_where")
        return [*value, condition["key"]] if condition else [*value]
    return value
