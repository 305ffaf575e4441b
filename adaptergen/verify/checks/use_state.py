"""Does a wrapped model keep the names of HF's parameters, and take weights under them and TL's?"""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import Difference, Evidence, Fact, check, largest_difference
from adaptergen.verify.declared import linear_layers
from adaptergen.verify.hf import Batch
from adaptergen.verify.subject import Subject

# What TL puts between the names of HF's modules.
_WRAPPED = "._original_component"
_FACTOR = 1.1


@check("use.state_dict", "Weights are found, and loaded, under HF's names and under TL's.")
def state_dict(subject: Subject) -> Iterator[Evidence]:
    """Names, shapes, values and ties are as before wrapping; and HF's config can be saved."""
    hf = subject.hf
    model = copy.deepcopy(hf.model)
    bridge: Any = bridges.wrap(subject.adapter, hf.architecture, model)
    theirs = hf.model.state_dict()
    ours = _state(model)
    for name, value in theirs.items():
        yield Fact(name in ours, f"HF's parameter {name} has no place in the wrapped model")
        if name in ours:
            text = f"HF's parameter {name} in the wrapped model"
            yield Difference(text, largest_difference(ours[name], value))
    for one, other in _ties(theirs):
        tied = one in ours and other in ours and ours[one].data_ptr() == ours[other].data_ptr()
        yield Fact(tied, f"HF's parameters {one} and {other} are one, not so in the wrapped model")
    changed = copy.deepcopy(hf.model)
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter.mul_(_FACTOR)
    unexpected = bridge.load_state_dict(changed.state_dict(), strict=False).unexpected_keys
    yield Fact(not unexpected, f"{unexpected[:1]} is not loaded under HF's name")
    yield from _alike(subject, bridge, changed)
    original: Any = subject.bridge
    bridge.load_state_dict(original.state_dict())
    ours = _state(model)
    # TL has no names for some others, such as the weights of experts.
    for name in (f"{path}.weight" for path in _linear(subject)):
        text = f"HF's parameter {name}, loaded under TL's names,"
        yield Difference(text, largest_difference(ours[name], theirs[name]))
    yield Fact(bool(model.config.to_json_string()), "HF's config cannot be written")


def _state(model: Any) -> dict[str, Tensor]:
    """The weights of a wrapped model, by HF's names."""
    return {name.replace(_WRAPPED, ""): value for name, value in model.state_dict().items()}


def _linear(subject: Subject) -> Iterator[str]:
    """The paths of the linear layers that the spec names."""
    for name in linear_layers(subject.spec).values():
        yield from (path for _, path in subject.below(name) if subject.hf.has(path))


def _ties(state: dict[str, Tensor]) -> Iterator[tuple[str, str]]:
    first: dict[int, str] = {}
    for name, value in state.items():
        other = first.setdefault(value.data_ptr(), name)
        if other != name and value.numel():
            yield other, name


def _alike(subject: Subject, bridge: TransformerBridge, model: Any) -> Iterator[Evidence]:
    """Whether the bridge now computes what HF's model with those weights does, hooked or not."""
    batch = Batch(subject.few_ids)
    with torch.no_grad():
        wanted = model(**batch.arguments, use_cache=False).logits
    for run in (bridges.logits, bridges.stepwise_logits):
        difference = largest_difference(run(bridge, batch), wanted)
        yield Difference("the output with weights loaded under HF's names", difference)
