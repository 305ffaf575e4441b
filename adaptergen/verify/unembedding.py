"""HF's way from the final norm to the logits."""

from adaptergen.language.factor import product_of
from adaptergen.spec.model import Spec
from adaptergen.verify.check import EXACT, largest_difference
from adaptergen.verify.hf import HfModel


def scale_ahead(hf: HfModel, spec: Spec) -> float:
    """The claimed factor of logits, if HF scales what the unembedding reads; else one."""
    powers = spec.multipliers.powers_of_logits
    scale = product_of(powers, hf.config) if powers else 0.0
    if not scale:
        return 1.0
    normed, read = hf.call(spec.paths.final_norm).value, hf.call(spec.paths.unembed).input
    return scale if largest_difference(read, scale * normed) <= EXACT else 1.0
