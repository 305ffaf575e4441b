"""The kind of norm that the model uses, found by what its norms compute."""

from collections.abc import Iterable
from typing import Any

import torch

from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.verify import probe

# Added to a small constant of the config, to see whether a norm notices.
_STEP = 0.1


def norm(tiny: TinyModel, paths: Iterable[str]) -> dict[str, Any]:
    """The facet of norms as YAML has it; `paths` are those that must be alike.

    Raises:
        UnexplainedError: if they are not.
    """
    kinds: list[dict[str, Any]] = []
    for path in paths:
        found = _kind(tiny, path)
        if found not in kinds:
            kinds.append(found)
    if len(kinds) != 1:
        raise UnexplainedError(f"norms of several kinds: {'; '.join(map(str, kinds))}")
    (facet,) = kinds
    return {**facet, "eps": _eps(tiny, next(iter(paths)))}


def _kind(tiny: TinyModel, path: str) -> dict[str, Any]:
    module, given = tiny.hf.module(path), tiny.hf.call(path).input
    odd = [name for name, _ in module.named_parameters() if name not in ("weight", "bias")]
    if odd:
        raise UnexplainedError(
            f"the norm {path} has {', '.join(odd)}; TransformerLens takes a norm's weight and bias"
            " by these names"
        )
    kind = {"RMS": "rms", "LN": "layer"}[probe.norm_kind(module, given)]
    weight, bias = probe.norm_parameters(module, given)
    if kind == "layer":
        return {"kind": kind, "weight": weight, "bias": bias}
    if bias:
        raise UnexplainedError(f"{path} divides by the root mean square and adds a bias")
    return {"kind": kind, "weight": weight}


def _eps(tiny: TinyModel, path: str) -> str | None:
    """The config key of the number that keeps a norm finite."""
    module, given = tiny.hf.module(path), tiny.hf.call(path).input
    for key, value in tiny.values.items():
        if isinstance(value, float) and 0.0 < value < _STEP:
            other = tiny.under({key: value + _STEP})
            if other is None:
                continue
            with torch.no_grad():
                if probe.changed(other.hf.module(path)(given), module(given)):
                    return key
    return None
