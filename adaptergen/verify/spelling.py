"""Config keys by other names than the installed class has for them, which HF takes all the same.

Configs published years ago say `rope_theta` and `rope_scaling` where HF now has `rope_parameters`.
"""

from collections.abc import Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from transformers import GenerationConfig

from adaptergen.verify.hf import hf_class
from adaptergen.verify.once import MissingError

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def respelled(
    architecture: str, settings: Mapping[str, Any], base: Mapping[str, Any] = _NOTHING
) -> dict[str, Any]:
    """Settings on top of those of `base`, under the names that the class's config has for them.

    A key that HF does not know stays as it is, and so do settings that HF refuses, and those of a
    class that it lacks.
    """
    try:
        cls = hf_class(architecture).config_class
    except MissingError:
        return dict(settings)
    names = cls().to_dict().keys()
    current = {key: value for key, value in settings.items() if key in names}
    if len(current) == len(settings):
        return current
    # What HF finds under a key's name of today it prefers to the same under an old name.
    plain = {key: value for key, value in base.items() if not isinstance(value, Mapping)}
    try:
        # HF completes the mappings that it is given.
        before, after = (
            cls(**deepcopy({**plain, **told})).to_dict() for told in (current, dict(settings))
        )
    except Exception:
        return dict(settings)
    moved = {
        key: _merged(base.get(key), before.get(key), value)
        for key, value in after.items()
        if key in names and key not in current and value != before.get(key)
    }
    kept = {key: value for key, value in settings.items() if key in after}
    return {**moved, **kept}


def unknown(architecture: str, settings: Mapping[str, Any]) -> list[str]:
    """The keys that mean nothing to HF, which takes them without a word.

    What configs once said of generation is among them, since it makes no other model.
    """
    cls = hf_class(architecture).config_class
    generation: Any = GenerationConfig
    return [
        key
        for key, value in settings.items()
        if key not in cls().to_dict()
        and (key in cls(**deepcopy({key: value})).to_dict() or hasattr(generation(), key))
    ]


def _merged(base: Any, before: Any, after: Any) -> Any:
    """The value `after` an old name was given, or what that changes of a mapping in `base`."""
    if not all(isinstance(value, Mapping) for value in (base, before, after)):
        return after
    changed = {k: v for k, v in after.items() if k not in before or v != before[k]}
    return {**base, **{k: _merged(base.get(k), before.get(k), v) for k, v in changed.items()}}
