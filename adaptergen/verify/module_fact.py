"""Whether a path leads to a module of a class."""

from torch import nn

from adaptergen.verify.check import Fact
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import UnavailableError


def module_fact(
    hf: HfModel, path: str, kind: type[nn.Module], claim: str, layer: int | None = None
) -> Fact:
    """Whether HF has such a module at a path."""
    try:
        module = hf.module(path)
    except UnavailableError as error:
        return Fact(False, error.reason, layer, claim)
    text = f"HF's {path} is of class {type(module).__name__}, not {kind.__name__}"
    return Fact(isinstance(module, kind), text, layer, claim)
