"""A tiny config of a class: small sizes, and everything switched on that layers can differ by."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import cycle, islice
from typing import Any

import torch
from transformers.configuration_utils import ALLOWED_MLP_LAYER_TYPES

from adaptergen.errors import Unusable
from adaptergen.infer.sizes import HEAD, LAYERS, large, sizes
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.verify.checks.claims_named import has_key
from adaptergen.verify.hf import hf_class, window_settings
from adaptergen.verify.once import MissingError, UnavailableError, is_memory, one_line
from adaptergen.verify.spelling import respelled
from adaptergen.verify.tiny import count_of_layers

_WINDOW = 8
# HF's names for what layers can be, where all layers of a class's own config are one of them.
_MLP_KINDS = set(ALLOWED_MLP_LAYER_TYPES)
_WINDOW_KINDS = {"full_attention", "sliding_attention"}
# Constants that are 1 multiply something; 1 would hide what.
_NOT_ONE = (1.5, 0.75, 1.25, 0.5, 2.0, 0.6)


def shrunk(architecture: str, given: Mapping[str, Any], fixed: Mapping[str, Any]) -> TinyModel:
    """The class's model with small sizes, under the values `given` by a checkpoint's config.

    `fixed` are values that the user insists on.

    Raises:
        Unusable: if HF runs no such model, with the reason and the keys that could be at fault.
    """
    config = _full_config(architecture, given)
    fixed = respelled(architecture, fixed, given)
    kept, reasons = _kept(config, given), []
    for small in sizes(config, architecture):
        tiny = TinyModel(architecture, _without_none({**kept, **small, **fixed}))
        try:
            if not tiny.hf.seen.logits.isfinite().all():
                reasons.append("its logits are not finite")
            elif _turns_halves(tiny):
                reasons.append("half a pair of a head's elements would rotate")
            else:
                return _with_features(tiny, config, fixed)
        except UnavailableError as error:
            if is_memory(error.reason):
                said = f"{architecture}: even a small model takes more memory than there is"
                raise Unusable(said, f"--memory allows more, or {_hint(config)}") from None
            reasons.append(error.reason)
        except MissingError as error:
            said = f"no spec can say what {architecture} is: {error}"
            raise Unusable(
                said, "layers that run in a loop, or in turns, have no adapter"
            ) from None
    raise Unusable(f"no small model of {architecture}: {reasons[0]}", _hint(config))


def _full_config(architecture: str, given: Mapping[str, Any]) -> Any:
    """The config of the class with its own sizes.

    Raises:
        Unusable: if HF refuses it.
    """
    cls = hf_class(architecture).config_class
    try:
        return cls(**deepcopy(dict(given)))
    except Exception as error:
        raise Unusable(f"{cls.__name__} refuses its own defaults: {one_line(error)}") from None


def _hint(config: Any) -> str:
    """How to set sizes, and which keys seem to hold them."""
    own = [f"{key} = {config.to_dict()[key]}" for key in large(config)]
    return f"set sizes yourself with --tiny KEY=VALUE{': ' + ', '.join(own) if own else ''}"


def as_usual(
    architecture: str, given: Mapping[str, Any], fixed: Mapping[str, Any]
) -> TinyModel | None:
    """The class's model without what a checkpoint's config switches and counts.

    None if the config switches nothing, or HF does not run that.
    """
    usual = hf_class(architecture).config_class().to_dict()
    others = {key: value for key, value in given.items() if not isinstance(value, int)}
    left_out = [usual.get(key) for key in given if key not in others]
    if not any(value is None or isinstance(value, bool) for value in left_out):
        return None
    try:
        return shrunk(architecture, others, fixed)
    except Exception:
        # What is left of the config need not make one.
        return None


def _turns_halves(tiny: TinyModel) -> bool:
    """Whether an odd number of elements of a head rotates, which only looks like a model."""
    widths = [
        value[0].shape[-1]
        for layer in tiny.layers.values()
        for value in tiny.hf.call(layer).kwargs.values()
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], torch.Tensor)
    ]
    return any(width % 2 for width in widths)


def _without_none(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value is not None}


def _kept(config: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a checkpoint that say how it is built, whatever its size."""
    number = getattr(config, count_of_layers(config), None)
    by_layer = {k for k, v in given.items() if isinstance(v, list) and len(v) == number}
    return {key: value for key, value in given.items() if key not in by_layer}


def _with_features(tiny: TinyModel, full: Any, fixed: Mapping[str, Any]) -> TinyModel:
    """The model with windows, layers of each kind and constants that show."""
    tiny = _with_own_heads(_of_known_keys(tiny))
    if "head_dim" not in tiny.settings:
        tiny = _with_head_size(tiny)
    for moves in (_windows, _kinds_of_layers, _constants):
        for changes in list(moves(tiny, full.to_dict())):
            changed = {key: value for key, value in changes.items() if key not in fixed}
            other = tiny.under(changed) if changed else None
            if other is not None and _differs(tiny, other):
                tiny = other
    return tiny


def _of_known_keys(tiny: TinyModel) -> TinyModel:
    """The model without config keys that its class does not have and that change nothing.

    A config keeps whatever it is given, and published ones have keys of earlier versions.
    """
    known = {key: value for key, value in tiny.settings.items() if has_key(tiny.hf, key)}
    if len(known) == len(tiny.settings):
        return tiny
    other = TinyModel(tiny.architecture, known)
    try:
        return tiny if _differs(tiny, other) else other
    except UnavailableError:
        # Code of the model asks for one of them.
        return tiny


def _with_own_heads(tiny: TinyModel) -> TinyModel:
    """The model with as many key and value heads as heads, where their key changes nothing.

    TL believes it all the same.
    """
    names = tiny.config.attribute_map
    heads, own = (names.get(n, n) for n in ("num_attention_heads", "num_key_value_heads"))
    if tiny.settings.get(own) in (None, tiny.settings.get(heads)):
        return tiny
    other = tiny.under({own: tiny.settings.get(heads)})
    return tiny if other is None or _differs(tiny, other) else other


def _with_head_size(tiny: TinyModel) -> TinyModel:
    """The model with a head size of its own: HF asks for it where no config class declares it.

    Where HF forgets it elsewhere, and so runs under fewer other config keys, it is what it was.
    """
    other = tiny.under({"head_dim": HEAD})
    if other is None or _shapes(other) == _shapes(tiny):
        return tiny
    if other.flips.keys() >= tiny.flips.keys():
        return other
    usual = tiny.config.hidden_size // tiny.config.num_attention_heads
    return tiny.under({"head_dim": usual}) or tiny


def _differs(tiny: TinyModel, other: TinyModel) -> bool:
    """Whether the model computes something else, or has other parameters."""
    if _shapes(tiny) != _shapes(other):
        return True
    batch = tiny.hf.batch(max(tiny.hf.length, other.hf.length))
    return not torch.equal(tiny.hf.logits(batch), other.hf.logits(batch))


def _shapes(tiny: TinyModel) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in tiny.hf.model.state_dict().items()}


def _windows(tiny: TinyModel, full: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Windows narrower than the text, on half of the layers where a key counts layers."""
    values = window_settings(tiny.config)
    wide = {
        k: True if isinstance(v, bool) else _WINDOW for k, v in values.items() if _is_window(k, v)
    }
    counts = {k: LAYERS // 2 for k in tiny.values if "window" in k and "layers" in k}
    if wide:
        yield {**wide, **counts}


def _is_window(key: str, value: Any) -> bool:
    return (value is None or isinstance(value, int)) and "pattern" not in key


def _kinds_of_layers(tiny: TinyModel, full: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Lists with an entry for each layer get every kind of entry that the full model has."""
    for key, value in tiny.values.items():
        if value == []:
            yield {key: [1]}
        if not isinstance(value, list) or len(value) != LAYERS:
            continue
        kinds = sorted({*value, *(full.get(key) or [])}, key=str)
        if len(kinds) == 1 and isinstance(kinds[0], float):
            yield {key: [kinds[0], 0.0, kinds[0] / 20, kinds[0]]}
        for usual in (_MLP_KINDS, _WINDOW_KINDS):
            kinds = sorted(usual) if set(kinds) <= usual else kinds
        if len(kinds) > len(set(value)):
            # Forth and back: no period fits it by accident.
            yield {key: list(islice(cycle([*kinds, *reversed(kinds)]), LAYERS))}


def _constants(tiny: TinyModel, full: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Other values for constants that multiply nothing as they are."""
    values = cycle(_NOT_ONE)
    for key, value in tiny.values.items():
        if isinstance(value, float) and value == 1.0:
            yield {key: next(values)}
