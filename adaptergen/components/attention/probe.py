"""HF's side of attention: its parameters and activations, and what it computes."""

from collections.abc import Iterator
from typing import Any, ClassVar, Generic, TypeVar

from adaptergen.components.attention.spec import Attention
from adaptergen.language.kinds import module_of
from adaptergen.spec.model import Spec
from adaptergen.verify.once import NotApplicableError
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure

A = TypeVar("A", bound=Attention)


class AttentionProbe(Generic[A]):
    """A kind of attention, seen in HF's model; each kind has a subclass that is called `Probe`.

    `output_claim` is the claim that says what its output is.
    """

    output_claim: ClassVar[str] = "attention.projections.o"

    def __init__(self, attention: A) -> None:
        self.attention = attention

    @property
    def without_parts(self) -> str:
        """The reason why nobody looks at parts of it; empty where one does."""
        return ""

    @property
    def without_heads(self) -> str:
        """The reason why no projection is split by head; empty where they are."""
        return self.without_parts

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """The activations between its input and its output."""
        raise NotImplementedError

    def linear_layers(self) -> dict[str, str]:
        """Paths below a block of the linear layers that every config has, by claim."""
        path = self.attention.path
        names = self.attention.modules.items()
        return {f"attention.{key}": f"{path}.{name}" for key, name in names}

    def biases(self) -> dict[str, tuple[str, bool | str]]:
        """Path below a block and deciding value of each bias, by the claim that decides it."""
        return {}

    def parameters(self, spec: Spec, config: object) -> Iterator[tuple[str, str]]:
        """Names below a block of its parameters beside those, with the claims that lead to them."""
        yield from ()

    def opaque_parameters(self, layer: str, built: Structure) -> dict[str, str]:
        """Parameters that HF computes with by itself, whatever they are, with their claims."""
        return {}

    def conditions(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Config keys with a value that decides otherwise, and the claim that names them."""
        yield from ()

    def counts(self, config: object) -> tuple[int, int]:
        """The numbers of query heads and of key and value heads that an HF config gives.

        Raises:
            NotApplicableError: if nobody counts heads.
        """
        raise NotApplicableError(self.without_heads)

    def scores(self, layer: Layer) -> Iterator[Stage]:
        """HF may mask scores with other numbers, but their softmax says what they are."""
        yield layer.stage(
            "attn.hook_attn_scores", "attention", "attention.window", layer.softmax_of_keys,
            view=lambda scores: scores.softmax(-1),
        )  # fmt: skip

    def pattern(self, layer: Layer) -> Iterator[Stage]:
        """The share that each token has in what another one gets."""
        yield layer.stage("attn.hook_pattern", "attention", "attention.window", layer.pattern)


def probe_of(attention: Attention) -> AttentionProbe[Any]:
    """Attention seen in HF's model, by its kind."""
    found: AttentionProbe[Any] = module_of(attention, "probe").Probe(attention)
    return found
