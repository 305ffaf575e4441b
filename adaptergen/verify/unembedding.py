"""HF's way from the final norm to the logits."""

from adaptergen.spec.factor import value_of
from adaptergen.spec.model import Spec
from adaptergen.spec.multipliers import DividedLogits, UnscaledLogits
from adaptergen.verify.check import EXACT, largest_difference
from adaptergen.verify.hf import HfModel


def scale_ahead(hf: HfModel, spec: Spec) -> float:
    """The claimed factor of logits, if HF scales what the unembedding reads; else one."""
    logits = spec.multipliers.logits
    if isinstance(logits, UnscaledLogits):
        return 1.0
    value = value_of(logits.factor, hf.config)
    if not value:
        return 1.0
    scale = 1 / value if isinstance(logits, DividedLogits) else value
    normed, read = hf.call(spec.paths.final_norm).value, hf.call(spec.paths.unembed).input
    return scale if largest_difference(read, scale * normed) <= EXACT else 1.0
