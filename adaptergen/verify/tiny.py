"""Tiny configs of HF classes that no spec describes: the class's default, with small sizes."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from adaptergen.verify.hf import hf_class

_DATA = Path(__file__).with_suffix(".yaml")


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
