"""HF's side of attention: its parameters and activations, and what it computes."""

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from adaptergen.components.attention.spec import Attention
from adaptergen.language.kinds import module_of
from adaptergen.spec.model import Spec
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import NotApplicableError
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import Structure

if TYPE_CHECKING:
    from adaptergen.verify.subject import Subject

A = TypeVar("A", bound=Attention)


class AttentionProbe(Generic[A]):
    """A kind of attention, seen in HF's model; each kind has a subclass that is called `Probe`.

    `output_claim` is the claim that says what its output is, `query_claim` the one that counts
    query heads. `parts` are the roles that its projections play by themselves, `bridges` the
    classes that components must have, by the names of these, and `settings_lacking` the methods
    of the bridge that switch on hooks that TL does not have for it.
    """

    output_claim: ClassVar[str] = "attention.projections.o"
    query_claim: ClassVar[str] = "attention.heads.query"
    parts: ClassVar[tuple[str, ...]] = ("q", "k")
    bridges: ClassVar[dict[str, type[Any]]] = {}
    settings_lacking: ClassVar[tuple[str, ...]] = ()

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

    @property
    def without_steps(self) -> str:
        """The reason why TL does not compute its steps; empty where it does."""
        return self.without_parts

    @property
    def without_edits(self) -> str:
        """The reason why edits of its pattern change nothing; empty where they do."""
        return ""

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

    def norms(self, config: object) -> Iterator[tuple[str, str]]:
        """Claims and paths of norms inside of it, but for those of queries and keys."""
        yield from ()

    def placed(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether attention is at its path, where nothing inside of it is named."""
        yield from ()

    def flags(self, subject: "Subject") -> Iterator[tuple[str, object, str]]:
        """Flags of TL's config that say how it computes, with what they must be and the claims."""
        positions = "rotary" if self.attention.rotary else "none"
        yield "positional_embedding_type", positions, "attention.rope"
        for flag in ("rotary_adjacent_pairs", "rotary_interleaved_cos_sin", "qk_norm_after_rope"):
            yield flag, False, "attention"

    def may_lack(self, component: str) -> bool:
        """Whether some models lack a component of it, beside norms of queries and keys."""
        return False

    def rotating(self, subject: "Subject") -> dict[int, bool]:
        """Layers that rotate, by the spec."""
        raise NotApplicableError(self.without_steps)

    def rotation_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether it depends on positions as the spec says."""
        if "position_ids" not in inspect.signature(subject.hf.model.forward).parameters:
            raise NotApplicableError("HF's model takes no positions")
        turns = probe.turns(subject.hf)
        text = f"HF's attention {'turns' if turns else 'does not turn'} with positions"
        yield Fact(turns == self.attention.rotary, text, claim="attention.rotary")

    def pairing_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether elements of a head rotate in the declared pairs."""
        raise NotApplicableError(self.without_steps)

    def mask_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether layers are handed a mask as the spec says."""
        yield from ()

    def between(self, hf: HfModel, path: str) -> Iterator[tuple[bool, str, str]]:
        """Whether steps between projections are as the spec says, how to say it, and the key."""
        yield from ()

    def return_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether it returns what the spec says."""
        raise NotApplicableError(self.without_steps)

    def softmax_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether one softmax makes the pattern, where the spec says so."""
        raise NotApplicableError("attention is not HF's own between its projections")

    def latent_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether latents lead from one module to the next as the spec says."""
        raise NotApplicableError("attention goes through no latents")

    def qk_norm_claims(self, subject: "Subject") -> Iterator[Evidence]:
        """Whether queries and keys are normalised as the spec says."""
        raise NotApplicableError(self.without_steps)

    def head_settings(self) -> list[dict[str, Any]]:
        """Config changes that move the head counts, the first of which is none."""
        raise NotApplicableError(self.without_heads)

    def widths(self, subject: "Subject", built: Structure) -> Iterator[Fact]:
        """Whether projections are as wide as the head counts of a config make them."""
        raise NotApplicableError(self.without_heads)


def probe_of(attention: Attention) -> AttentionProbe[Any]:
    """Attention seen in HF's model, by its kind."""
    found: AttentionProbe[Any] = module_of(attention, "probe").Probe(attention)
    return found
