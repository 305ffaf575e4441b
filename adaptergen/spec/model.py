"""The spec: what one architecture is, in full."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from adaptergen.components import registered as registered
from adaptergen.components.attention.spec import Attention
from adaptergen.components.mlp.spec import Mlp
from adaptergen.components.side_mlp.spec import SideMlp
from adaptergen.language.facet import Facet
from adaptergen.language.kinds import Part
from adaptergen.language.values import (
    ClaimName,
    ClassName,
    ConfigKey,
    Decided,
    LeavingOutNull,
    Moved,
    Name,
    Path,
    Prose,
    Setting,
    Version,
)
from adaptergen.spec.block import Block, Layout
from adaptergen.spec.hatch import Hatch
from adaptergen.spec.multipliers import Multipliers
from adaptergen.spec.norm import Norm
from adaptergen.spec.processing import Processing
from adaptergen.spec.verification import Verification

# Alternatives are nested in the adapter's code, which only so many can be.
_MOST_ALTERNATIVES = 16


class Paths(Facet):
    """Dotted paths from the HF model to its parts."""

    embed: Path = Field(description="Token embedding.")
    rotary: Path | None = Field(
        description="Module that computes the rotary cosines and sines; null, if several do, or"
        " attention by itself."
    )
    blocks: Path = Field(description="List of blocks.")
    final_norm: Path = Field(description="Norm before the unembedding.")
    unembed: Path = Field(description="Unembedding.")

    @property
    def rotary_owner(self) -> str:
        """The part of the model that the rotary embedding belongs to; empty without one."""
        return (self.rotary or "").rpartition(".")[0]


class Tokenizer(Facet):
    """How TL prepares text for models of this architecture."""

    prepend_bos: bool = Field(description="Whether TL puts the BOS token in front by default.")
    padding_side: Literal["left", "right"] = Field(description="Where TL pads a batch by default.")


class Spec(Facet):
    """One architecture. `extends` and the file's name belong to the file, not to the spec."""

    architecture: ClassName = Field(description="HF class, such as `LlamaForCausalLM`.")
    aliases: list[ClassName] = Field(
        default=[], description="Further class names that checkpoints use for it."
    )
    model_type: Name | None = Field(
        default=None,
        description="HF `model_type`; left out, the prefix in lower case.",
    )
    class_prefix: ClassName | None = Field(
        default=None,
        description="Prefix of generated classes; left out, the class name without ForCausalLM.",
    )
    title: Prose | None = Field(default=None, description="Name in prose; left out, the prefix.")
    summary: Prose = Field(description="The architecture in one or two sentences.")
    notes: list[Prose] = Field(
        default=[],
        description="Further facts for the docstring.",
        examples=[["Published weights were trained on code alone."]],
    )
    since: Version | None = Field(
        default=None,
        description="First version of transformers that has HF's class, where `verify` also runs"
        " with older ones: with these it leaves the spec out, unless it is named.",
    )
    paths: Paths = Field(description="Where the parts of the HF model are.")
    norm: Norm = Field(discriminator="kind", description="The norm of the residual stream.")
    embedding_norm: Path | None = Field(
        default=None, description="Norm of the embedding, before the first block."
    )
    block: Block = Field(
        discriminator="topology", description="The order of norms, attention and MLP in a block."
    )
    opaque: list[Path] = Field(
        default=[],
        description="Modules and parameters of a block that HF computes with besides, which no hook"
        " shows.",
        examples=[["residual_gain"]],
    )
    layouts: list[Layout] = Field(
        default=[],
        max_length=_MOST_ALTERNATIVES,
        description="Other orders, for configs in which a key is set; the first such key counts.",
    )
    attention: Attention = Field(description="Attention: what it computes, and who computes it.")
    mlp: Mlp = Field(description="The MLP of a block, or the experts in its place.")
    side_mlp: SideMlp | None = Field(
        default=None, description="A further MLP, added to what the MLP returns."
    )
    multipliers: Multipliers = Field(
        default=Multipliers(), description="Constants that HF's model multiplies activations by."
    )
    unembed_bias: Decided = Field(default=False, description="Whether the unembedding has a bias.")
    hatch: Hatch | None = Field(
        default=None, description="Hand-written Python for what no facet says."
    )
    tied_embeddings: Decided = Field(
        description="Whether the unembedding shares the embedding's weight."
    )
    processing: Processing = Field(description="The valid steps of weight processing.")
    tokenizer: Tokenizer = Field(description="Tokenizer defaults.")
    tiny: Annotated[dict[ConfigKey, JsonValue], LeavingOutNull] = Field(
        description="HF config of the tiny random model that verification builds."
    )
    refused: Annotated[dict[Setting, Prose], LeavingOutNull] = Field(
        default={},
        description="HF config keys under which the adapter refuses a model, with the reason;"
        " `not KEY`, and it refuses those where that one is not set.",
    )
    defaults: Annotated[dict[Name, JsonValue], LeavingOutNull] = Field(
        default={},
        description="Defaults of HF's config class for keys by which the adapter decides or"
        " multiplies, where they are not false or 1: for configs that lack the keys.",
    )
    versions: list[dict[ClaimName, Moved]] = Field(
        default=[],
        max_length=_MOST_ALTERNATIVES,
        description="Other versions of transformers: by the keys that name modules, their paths"
        " there, null for none. The first counts that has one of its paths in HF, where HF lacks"
        " one of the spec's.",
    )
    verification: Verification = Field(
        default=Verification(), description="Facts that verification has to be told."
    )

    @property
    def prefix(self) -> str:
        """Prefix of the generated class names, such as `SmolLM3`."""
        return self.class_prefix or self.architecture.removesuffix("ForCausalLM")

    @property
    def name(self) -> str:
        """Name of the architecture in prose."""
        return self.title or self.prefix

    @property
    def hf_model_type(self) -> str:
        """HF's `model_type`, such as `smollm3`."""
        return self.model_type or self.prefix.lower()

    @property
    def fuses(self) -> bool:
        """Whether attention is HF's, with torch's SDPA, while nobody looks at scores or pattern."""
        by_hand = self.hatch is not None and self.hatch.attention is not None
        return self.attention.fuses and not by_hand

    @property
    def read_keys(self) -> dict[str, JsonValue]:
        """HF config keys that the adapter decides or multiplies by, with HF's own values."""
        factors = dict.fromkeys(self.multipliers.keys, 1.0)
        single = getattr(getattr(self.attention, "heads", None), "single", None)
        keys = [layout.when for layout in self.layouts]
        keys += [single.when, single.unless] if single else []
        numbers = dict.fromkeys(key for layout in self.layouts for key in layout.unless)
        neutral = {**dict.fromkeys(filter(None, keys), False), **numbers, **factors}
        return {key: self.defaults.get(key, value) for key, value in neutral.items()}

    @property
    def architectures(self) -> list[str]:
        """Every HF class name that this spec stands for, the main one first."""
        return [self.architecture, *self.aliases]


Part.holders.append(Spec)
