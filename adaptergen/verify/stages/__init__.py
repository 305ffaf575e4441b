"""Every activation that a hook of TL should show, with HF's value of it, in the order of computing.

HF's values come from hooks on HF's modules. The spec says only which module plays which part, and
the claims checks hold that against what the modules do.
"""

from adaptergen.verify.stage import Layer, Part, Stage
from adaptergen.verify.stages.block import stages

__all__ = ["Layer", "Part", "Stage", "stages"]
