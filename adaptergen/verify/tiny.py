"""Tiny configs of HF classes that no spec describes: the class's default, with small sizes."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from adaptergen.verify.hf import hf_class

_DATA = Path(__file__).with_suffix(".yaml")

# What configs call the number of layers that have it under no canonical name.
_COUNTS_OF_LAYERS = ("num_transformer_layers", "num_layers", "n_layers", "n_layer")


def tiny_settings(architecture: str) -> dict[str, Any]:
    """HF config keys that make a model of that class small.

    Raises:
        MissingError: if the installed transformers has no such class.
    """
    data = _data()
    own = data["architectures"].get(architecture, {})
    known = hf_class(architecture).config_class().to_dict()
    settings = {key: size for key, size in data["sizes"].items() if key in known}
    return {key: value for key, value in {**settings, **own}.items() if value is not None}


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    return data


def count_of_layers(config: Any) -> str:
    """The key that counts layers: HF's canonical one, or a name that TransformerLens knows."""
    usual: str = config.attribute_map.get("num_hidden_layers", "num_hidden_layers")
    values = config.to_dict()
    return next((name for name in (usual, *_COUNTS_OF_LAYERS) if name in values), usual)
