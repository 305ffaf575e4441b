"""A spec with other paths, where other versions of transformers have modules in other places."""

from collections.abc import Iterator, Mapping
from typing import Any

from adaptergen.language.values import Denotes
from adaptergen.spec.leaves import Leaf, leaves
from adaptergen.spec.model import Spec

# Names that adapters, or TL, look up as they are.
_FIXED = ("attention.sinks", "attention.norm_before_o")


def replaced(spec: Spec, values: Mapping[str, Any]) -> Spec:
    """The spec with other values of some keys, by dotted path.

    Raises:
        KeyError: if a path leads nowhere.
        ValidationError: if the language does not have such a spec.
    """
    tree = spec.model_dump(by_alias=True)
    for path, value in values.items():
        try:
            *parents, key = (int(k) if k.isdigit() else k for k in path.split("."))
            facet: Any = tree
            for parent in parents:
                facet = facet[parent]
            facet[key] = value
        except (LookupError, TypeError, ValueError):
            # Of a list, a word or nothing at all, there is no such part.
            raise KeyError(path) from None
    return Spec.model_validate(tree)


def named_places(spec: Spec) -> dict[str, Leaf]:
    """Paths of single modules in the spec, by claim: versions may differ in these."""
    found = {leaf.claim: leaf for leaf in leaves(spec) if leaf.denotes is Denotes.PART}
    return {claim: leaf for claim, leaf in found.items() if _movable(claim)}


def _movable(claim: str) -> bool:
    """Whether a claim is about one module, and not about an entry of a list."""
    return claim not in _FIXED and not claim.rpartition(".")[2].isdigit()


def versions(spec: Spec) -> Iterator[tuple[Spec, list[Leaf], list[Leaf]]]:
    """The spec as each of its versions has it, the places that it then leaves, and the new ones."""
    # To look for all places takes as long as to render the module: most specs have no versions.
    before = named_places(spec) if spec.versions else {}
    for values in spec.versions:
        other = replaced(spec, {"versions": [], **values})
        after = named_places(other)
        left = [before[claim] for claim in values if claim in before]
        yield other, left, [after[claim] for claim in values if claim in after]
