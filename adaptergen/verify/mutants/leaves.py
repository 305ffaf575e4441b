"""Each name in a spec as one that HF lacks, and as another one that HF has."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from adaptergen.language.factor import powers, replaced
from adaptergen.language.values import Denotes
from adaptergen.spec.leaves import Leaf, claims
from adaptergen.spec.model import Spec
from adaptergen.verify.mutants.change import Change, Original, changed

# Nothing in HF is called so.
_NOWHERE = "nosuch"
# Types of values that a config, or an attribute that a spec may name, can have.
_PLAIN = (bool, int, float, str, type(None))


def renamed(original: Original) -> Iterator[Change]:
    """Two changes of each name; one where HF has nothing else that it could be taken for.

    What a config key decides, or what is always there, a number decides that is never zero.
    """
    number = _number(original)
    for leaf in claims(original.spec):
        if leaf.decides and leaf.value is not False:
            yield _renamed(leaf, "always", number, original.spec)
        if leaf.denotes is None:
            continue
        yield _renamed(leaf, "nowhere", _NOWHERE, original.spec)
        for other in _others(leaf, original):
            change = _renamed(leaf, "elsewhere", other, original.spec)
            if _is_a_spec(original.spec, change):
                yield change
                break


def _number(original: Original) -> str:
    """A config key that always is a number of something."""
    values: dict[str, Any] = original.hf.config.to_dict()
    return next(key for key, value in values.items() if type(value) is int and value > 1)


def _renamed(leaf: Leaf, word: str, other: str, spec: Spec) -> Change:
    name, text = f"{leaf.claim}.{word}", f"{leaf.claim} is {other}, not {leaf.value}"
    if not leaf.is_key:
        return Change(name, text, {leaf.claim: other})
    mapping, _, key = leaf.claim.rpartition(".")
    free: Any = spec.model_dump(by_alias=True)
    for part in mapping.split("."):
        free = free[int(part) if part.isdigit() else part]
    renamed = {other if name == key else name: value for name, value in free.items()}
    return Change(name, text, {mapping: renamed})


def _is_a_spec(spec: Spec, change: Change) -> bool:
    """Whether the language allows the change: names have no dots, paths do."""
    try:
        changed(spec, change)
    except ValidationError:
        return False
    return True


def _others(leaf: Leaf, original: Original) -> Iterator[str]:
    """Other names of the same kind, those first that are the most alike."""
    if leaf.denotes is Denotes.KEY:
        return _other_keys(leaf.value, original)
    if leaf.denotes is Denotes.PART:
        return _other_parts(leaf, original)
    return _other_attributes(leaf.value, original)


def _other_keys(factor: str, original: Original) -> Iterator[str]:
    """Config keys with a value of the same type: the same value first, since it hides the most.

    Of several in a factor, the last one is another.
    """
    values, key = original.hf.config.to_dict(), [*powers(factor)][-1]
    own = values.get(key)
    alike = [k for k, value in values.items() if k != key and type(value) is type(own)]
    for other in sorted(alike, key=lambda k: values[k] != own):
        yield replaced(factor, key, other)


def _other_parts(leaf: Leaf, original: Original) -> Iterator[str]:
    """Other names in its module: those of parameters with the same shapes first."""
    holder = leaf.place.removesuffix(leaf.value).removesuffix(".")
    for layer in original.layers if leaf.in_blocks else [""]:
        inside = ".".join(filter(None, (layer, holder)))
        if original.hf.has(f"{inside}.{leaf.value}" if inside else leaf.value):
            yield from original.lookalikes(leaf.value, inside)
            yield from _children(original, inside, leaf.value)


def _children(original: Original, inside: str, name: str) -> Iterator[str]:
    module = original.hf.module(inside) if inside else original.hf.model
    yield from (child for child, _ in module.named_children() if child != name)


def _other_attributes(name: str, original: Original) -> Iterator[str]:
    """Attributes of HF's attention that are set in the same layers, then others."""
    layers = [
        vars(original.hf.module(f"{layer}.{original.spec.attention.path}"))
        for layer in original.layers
    ]

    def set_in(attribute: str) -> list[bool]:
        return [bool(layer.get(attribute)) for layer in layers]

    public = [key for key, value in layers[0].items() if isinstance(value, _PLAIN)]
    others = [key for key in public if key != name and not key.startswith("_")]
    yield from sorted(others, key=lambda key: set_in(key) != set_in(name))
