"""Recognises classes of transformers: models, and language models among them."""

from typing import Any

from transformers import GenerationMixin, PreTrainedModel


def is_model(cls: Any) -> bool:
    """Whether it is a class of models with configs, and none that chooses among such."""
    is_class = isinstance(cls, type) and issubclass(cls, PreTrainedModel)
    return is_class and cls.config_class is not None


def generates(cls: Any) -> bool:
    """Whether it is a class of models that generate text: language models."""
    return is_model(cls) and issubclass(cls, GenerationMixin)
