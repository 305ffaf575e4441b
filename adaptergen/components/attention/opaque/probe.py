"""Attention that is left to HF as one piece, in HF's model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn
from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent

from adaptergen.components.attention.opaque.spec import OpaqueAttention
from adaptergen.components.attention.probe import AttentionProbe
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact
from adaptergen.verify.module_fact import module_fact
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject


class Probe(AttentionProbe[OpaqueAttention]):
    """One module that mixes tokens."""

    output_claim = "attention.path"
    bridges: ClassVar[dict[str, type[Any]]] = {"blocks.attn": GeneralizedComponent}
    settings_lacking = ("set_use_attn_in", "set_use_split_qkv_input", "set_use_attn_result")

    @property
    def without_parts(self) -> str:
        """The reason that the spec gives."""
        return f"attention is HF's own as one piece: {self.attention.reason}"

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """None: its input and output are stages of the block."""
        yield from ()

    def opaque_parameters(self, layer: str, built: Structure) -> dict[str, str]:
        """All that the module has."""
        return built.below(layer, [self.attention.path], "attention.path")

    def placed(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether it is what mixes tokens in its layer."""
        attention = self.attention.path
        hf, claim = subject.hf, "attention.path"
        for number, layer in subject.layers.items():
            path = f"{layer}.{attention}"
            yield module_fact(hf, path, nn.Module, claim, number)
            times = hf.seen.runs.get(path, 0)
            tokens, reach = probe.reach(hf, path), probe.reach(hf, layer)
            yield Fact(times == 1, f"HF runs {attention} {times} times in one pass", number, claim)
            text = f"HF's {attention} sees {tokens} of the {reach} tokens that its layer sees"
            yield Fact(tokens == reach, text, number, claim)
