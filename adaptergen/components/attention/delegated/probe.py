"""Attention that is left to HF between its projections, in HF's model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.headed import HeadedProbe
from adaptergen.verify.check import Evidence, Fact
from adaptergen.verify.heads import by_head
from adaptergen.verify.pattern import has_one_softmax
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject


class Probe(HeadedProbe[DelegatedAttention]):
    """Projections, and the softmax that HF computes between them."""

    settings_lacking = ("set_use_attn_in", "set_use_split_qkv_input", "set_use_attn_result")

    @property
    def without_steps(self) -> str:
        """The reason that the spec gives."""
        return f"attention is HF's own: {self.attention.reason}"

    @property
    def without_edits(self) -> str:
        """Where no single softmax makes the pattern."""
        lost = "attention is HF's own, edits of patterns change nothing"
        return "" if self.attention.softmax else lost

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """Projections, and what is around the softmax, if there is one."""
        yield from self.projected(layer, by_head(layer.hf, layer.spec, layer.path))
        if self.attention.softmax:
            yield from self.scores(layer)
        if self.attention.softmax or layer.call(self.attention.path).pattern is not None:
            yield from self.pattern(layer)
        yield from self.heads_out(layer)

    def opaque_parameters(self, layer: str, built: Structure) -> dict[str, str]:
        """Parameters that no hook shows."""
        path = f"{layer}.{self.attention.path}"
        return built.below(path, self.attention.opaque, "attention.opaque")

    def softmax_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether one softmax makes the pattern, as the spec says."""
        attention = self.attention
        for number, path in subject.below(attention.path):
            found = has_one_softmax(subject.hf, path)
            text = f"{'' if found else 'not '}what one softmax returns"
            text = f"the pattern of HF's attention is {text}"
            yield Fact(found == attention.softmax, text, number, "attention.softmax")
