"""What a spec says under one HF config, where the config decides."""

from adaptergen.spec.block import Layout, PreNorm, SandwichNorm
from adaptergen.spec.model import Spec
from adaptergen.spec.processing import Invalid, InvalidWhere, Valid
from adaptergen.verify.structure import decided


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


def under(spec: Spec, config: object) -> Spec:
    """The spec with the block and the validity of steps that an HF config leads to."""
    block = next((each.block for each in spec.layouts if _has(config, each)), spec.block)
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
