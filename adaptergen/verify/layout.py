"""A spec under one HF config and one version of transformers, where these decide."""

from adaptergen.spec.block import Layout, PreNorm, SandwichNorm
from adaptergen.spec.leaves import Leaf
from adaptergen.spec.model import Spec
from adaptergen.spec.processing import Invalid, InvalidWhere, Valid
from adaptergen.spec.versions import versions
from adaptergen.verify.hf import HfModel
from adaptergen.verify.structure import decided, structure


def depends_on_config(spec: Spec) -> bool:
    """Whether a spec says different things under different configs."""
    steps = (getattr(spec.processing, step) for step in type(spec.processing).model_fields)
    conditional = any(isinstance(step, InvalidWhere) for step in steps)
    optional = isinstance(getattr(spec.block, "post_norms", True), str)
    return bool(spec.layouts) or optional or conditional


def _has(config: object, layout: Layout) -> bool:
    """Whether blocks have a layout under an HF config, if none comes before it."""
    excluded = (getattr(config, key, None) == number for key, number in layout.unless.items())
    return decided(config, layout.when) and not any(excluded)


def as_installed(spec: Spec, hf: HfModel) -> Spec:
    """The spec as the installed transformers has its modules.

    Some are there under other configs only, so that one at its new place is enough.
    """
    for other, left, new in versions(spec):
        lacks = not all(_has_part(hf, spec, leaf) for leaf in left)
        if lacks and any(_has_part(hf, other, leaf) for leaf in new):
            return other
    return spec


def _has_part(hf: HfModel, spec: Spec, leaf: Leaf) -> bool:
    """Whether the model, or one of its blocks, has what a leaf names."""
    parts = structure(hf, {}).parts
    if not leaf.in_blocks:
        return leaf.place in parts
    layers = range(len(hf.module(spec.paths.blocks)))
    return any(f"{spec.paths.blocks}.{number}.{leaf.place}" in parts for number in layers)


def layout_under(spec: Spec, config: object) -> int | None:
    """The number of the layout that an HF config leads to, None if to the usual one."""
    return next((i for i, each in enumerate(spec.layouts) if _has(config, each)), None)


def under(spec: Spec, config: object) -> Spec:
    """The spec with the block and the validity of steps that an HF config leads to."""
    number = layout_under(spec, config)
    block = spec.block if number is None else spec.layouts[number].block
    if isinstance(block, SandwichNorm) and not decided(config, block.post_norms):
        block = PreNorm(topology="pre", ln1=block.ln1, ln2=block.ln2)
    steps = {}
    for step in type(spec.processing).model_fields:
        validity = getattr(spec.processing, step)
        if isinstance(validity, InvalidWhere):
            where = validity.invalid_where
            steps[step] = Invalid(invalid=where.reason) if decided(config, where.key) else Valid()
    processing = spec.processing.model_copy(update=steps)
    return spec.model_copy(update={"block": block, "processing": processing})
