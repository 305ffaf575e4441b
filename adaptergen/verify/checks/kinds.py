"""Does each component have the bridge class that fits HF's module?"""

from collections.abc import Iterator
from functools import reduce
from typing import Any

from transformer_lens.model_bridge.generalized_components import (
    Conv1DBridge,
    LinearBridge,
    NormalizationBridge,
    RMSNormalizationBridge,
)
from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent
from transformers.pytorch_utils import Conv1D

from adaptergen.components.attention.probe import probe_of as attention_of
from adaptergen.components.attention.qk_norm import HeadModulesQKNorm
from adaptergen.components.mlp.probe import probe_of as mlp_of
from adaptergen.spec.model import Spec
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.components import Component
from adaptergen.verify.subject import Subject


@check("boot.kinds", "Bridges are of the kind that fits HF's modules.")
def kinds(subject: Subject) -> Iterator[Evidence]:
    """HF's `Conv1D` has its weight the other way round; TL's bridges for the two differ in name.

    TL's bridges for norms also show what is normalised, those for gated MLPs what is gated.
    """
    kinds = _kinds(subject.spec)
    for component, bridge, module in _bridged(subject):
        if isinstance(bridge, LinearBridge | Conv1DBridge):
            fits = isinstance(bridge, Conv1DBridge) == isinstance(module, Conv1D)
        elif component.name in kinds:
            fits = _tl_class(bridge) is kinds[component.name]
        else:
            continue
        text = f"{component.name} is a {type(bridge).__name__} around HF's {type(module).__name__}"
        yield Fact(fits, text, claim=component.claim)


def _kinds(spec: Spec) -> dict[str, type[Any]]:
    """The class of the bridge of each component that no other class fits, by its name.

    Those are norms, the shared expert, and what is one piece.
    """
    norm = RMSNormalizationBridge if spec.norm.kind == "rms" else NormalizationBridge
    found: dict[str, type[Any]] = {f"blocks.{role}": norm for role in spec.block.norms}
    several = isinstance(spec.attention.qk_norm, HeadModulesQKNorm)
    of_heads = GeneralizedComponent if several else norm
    of_parts = attention_of(spec.attention).bridges | mlp_of(spec.mlp).bridges
    return found | of_parts | {
        "ln_final": norm, "blocks.attn.q_norm": of_heads, "blocks.attn.k_norm": of_heads,
    }  # fmt: skip


def _tl_class(bridge: Any) -> type[Any] | None:
    """TL's own class that the bridge is one of, where it is of a subclass."""
    own = (cls for cls in type(bridge).__mro__ if cls.__module__.startswith("transformer_lens."))
    return next(own, None)


def _bridged(subject: Subject) -> Iterator[tuple[Component, Any, Any]]:
    """Components, each with its bridge and HF's module, in the first block that has it."""
    modules = subject.prepared
    for component in subject.mapping:
        name, path = component.name, component.path
        inside = name.startswith("blocks.")
        places: dict[int | None, str] = {None: path}
        if inside:
            places = dict(subject.below(path))
        number = next((n for n, place in places.items() if place in modules), -1)
        if number == -1:
            continue
        start: Any = subject.bridge if number is None else subject.bridge.blocks[number]
        parts = name.removeprefix("blocks.").split(".")
        bridge = reduce(lambda module, part: getattr(module, part, None), parts, start)
        yield component, bridge, modules[places[number]]
