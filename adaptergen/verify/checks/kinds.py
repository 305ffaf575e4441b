"""Does each component have the bridge class that fits HF's module?"""

from collections.abc import Iterator
from functools import reduce
from typing import Any

from transformer_lens.model_bridge.generalized_components import Conv1DBridge, LinearBridge
from transformers.pytorch_utils import Conv1D

from adaptergen.verify.check import Evidence, Fact, NotApplicableError, check
from adaptergen.verify.components import Component
from adaptergen.verify.subject import Subject


@check("boot.kinds", "Linear layers that HF stores transposed, and no others, are told to TL.")
def kinds(subject: Subject) -> Iterator[Evidence]:
    """HF's `Conv1D` has its weight the other way round; TL's bridges for the two differ in name."""
    found = list(_linear(subject))
    if not found:
        raise NotApplicableError("the adapter maps no linear layer")
    for component, bridge, module in found:
        fits = isinstance(bridge, Conv1DBridge) == isinstance(module, Conv1D)
        text = f"{component.name} is a {type(bridge).__name__} around HF's {type(module).__name__}"
        yield Fact(fits, text, claim=component.claim)


def _linear(subject: Subject) -> Iterator[tuple[Component, Any, Any]]:
    """Components with a linear bridge, in the first block, each with HF's module."""
    first = subject.layers[0]
    for component in subject.mapping:
        name, path = component.name, component.path
        inside = name.startswith("blocks.")
        place = f"{first}.{path}" if inside else path
        if not subject.hf.has(place):
            continue
        start: Any = subject.bridge.blocks[0] if inside else subject.bridge
        parts = name.removeprefix("blocks.").split(".")
        bridge = reduce(lambda module, part: getattr(module, part, None), parts, start)
        if isinstance(bridge, LinearBridge | Conv1DBridge):
            yield component, bridge, subject.hf.module(place)
