"""Sentences of an inferred spec."""

from typing import Any

from adaptergen.infer.parents import Parent, child_of
from adaptergen.language.facet import tag_of
from adaptergen.language.written import written
from adaptergen.spec.load import LoadedSpec
from adaptergen.spec.model import Spec


def summary(spec: Spec) -> str:
    """The architecture in a sentence."""
    block, attention, mlp = (
        tag_of(type(facet)).replace("_", " ") for facet in (spec.block, spec.attention, spec.mlp)
    )
    return f"Decoder with {block} blocks, {attention} attention and a {mlp} MLP, as inferred."


def in_words_of(parent: LoadedSpec, spec: Spec) -> Spec:
    """The spec with the parent's reasons where both say the same for one."""
    tree, theirs = written(spec), written(parent.spec)
    for step, said in theirs["processing"].items():
        own = tree["processing"][step]
        if _restriction(said) and _restriction(said) == _restriction(own):
            tree["processing"][step] = said
    known = theirs.get("verification", {}).get("config", {})
    config = tree.get("verification", {}).get("config", {})
    config.update({key: known[key] for key in config if key in known})
    return Spec.model_validate(tree)


def _restriction(validity: Any) -> tuple[str, ...]:
    """How a step is restricted, whatever the reason; nothing if it is valid."""
    if not isinstance(validity, dict):
        return ()
    return (*validity, validity.get("invalid_where", {}).get("key", ""))


def child(parent: Parent, spec: Spec) -> dict[str, Any]:
    """The values that the spec states as a child of its parent, or all of them."""
    if parent.loaded is None:
        return dict(written(spec))
    return child_of(parent.loaded, written(in_words_of(parent.loaded, spec)))
