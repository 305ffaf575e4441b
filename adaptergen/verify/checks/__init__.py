"""The battery: every check, in the order in which they run.

Claims come first, since they say whether the spec's paths may be trusted.
"""

from adaptergen.verify.check import Check
from adaptergen.verify.checks import boot, forward, weights

ALL: tuple[Check, ...] = (
    boot.bridge,
    forward.logits,
    weights.compatibility,
)
