"""The model that is looked at, and the same model under other configs."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from transformers import PreTrainedConfig

from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import Made, UnavailableError, once
from adaptergen.verify.shipped.subject import layers_of
from adaptergen.verify.structure import Structure, structures

_COMMON = frozenset({*PreTrainedConfig().to_dict(), "model_type", "attn_implementation"})
# The one key of every config that says how a model is built.
_TYING = "tie_word_embeddings"


class UnexplainedError(Exception):
    """Something that no facet of the language describes; the message says what.

    `part` is where: attention, mlp, block, or empty for the model as a whole.
    """

    def __init__(self, message: str, part: str = "") -> None:
        self.part = part
        super().__init__(message)


class TinyModel:
    """A tiny HF model, its config keys, and what it is under other values of them."""

    def __init__(self, architecture: str, settings: Mapping[str, Any]) -> None:
        self.architecture = architecture
        self.settings = dict(settings)
        self.hf = HfModel(architecture, settings)
        self.made = Made()

    @property
    def config(self) -> Any:
        """The HF config."""
        return self.hf.config

    @cached_property
    def values(self) -> dict[str, Any]:
        """The config keys that belong to the architecture, with their values."""
        found = self.config.to_dict()
        return {key: value for key, value in found.items() if key not in _COMMON or key == _TYING}

    @cached_property
    def layers(self) -> dict[int, str]:
        """Path of each layer.

        Raises:
            MissingError: if the model has no list of layers that run once each.
        """
        return layers_of(self.hf)

    def below(self, path: str) -> Iterator[str]:
        """Path of one part in each layer that has it."""
        for layer in self.layers.values():
            if self.hf.has(f"{layer}.{path}"):
                yield f"{layer}.{path}"

    @once("HF's model with {changes}")
    def under(self, changes: Mapping[str, Any]) -> "TinyModel | None":
        """The model with some config keys changed; None if HF refuses or does not run it."""
        other = TinyModel(self.architecture, {**self.settings, **changes})
        try:
            runs = bool(other.hf.seen.logits.isfinite().all())
        except UnavailableError:
            return None
        return other if runs else None

    @cached_property
    def flips(self) -> dict[str, "TinyModel"]:
        """The model with each boolean config key flipped alone, where HF runs that."""
        keys = [key for key, value in self.values.items() if isinstance(value, bool)]
        found = ((key, self.under({key: not self.values[key]})) for key in keys)
        return {key: tiny for key, tiny in found if tiny is not None}

    @cached_property
    def structures(self) -> list[Structure]:
        """Parameters of the model, and under each boolean config key flipped."""
        return structures(self.hf)
