"""The sizes of a tiny model: small, different from each other, and fitting those they depend on."""

from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any

from adaptergen.verify.tiny import count_of_layers, tiny_settings

LAYERS = 4
HEAD = 16
_HEADS = 4
# Sizes by HF's canonical names; a config's `attribute_map` says what it calls them. They differ
# from each other: equal ones would hide a swap.
_SIZES: dict[str, Any] = {
    "vocab_size": 113,
    "hidden_size": 48,
    "intermediate_size": 80,
    "moe_intermediate_size": 56,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": _HEADS,
    "num_key_value_heads": 2,
    "head_dim": HEAD,
    "max_position_embeddings": 160,
    "original_max_position_embeddings": 120,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
# What is tried where a class refuses these: sizes that belong together, None for the class's own.
_COMPROMISES: tuple[dict[str, Any], ...] = (
    {},
    {"head_dim": None},
    {"num_key_value_heads": 4},
    {"num_key_value_heads": 4, "head_dim": None},
    {"hidden_size": 96},
    {"hidden_size": 96, "head_dim": None},
    {"hidden_size": 96, "num_key_value_heads": 4, "head_dim": None},
    {"hidden_size": 64, "num_key_value_heads": 4, "head_dim": None},
    # Some classes with a key for the size of heads take all of them to be as wide as the model.
    {"hidden_size": 64},
    {"hidden_size": 64, "num_key_value_heads": 4},
)
# Sizes that have no canonical name.
_SMALL = (24, 40, 56, 72, 88, 104)
_LARGE = 64
# What words of a key mean, in configs that have names of their own.
_OF_HEADS, _OF_QUERIES = {"head", "heads", "kv"}, {"query", "group"}
_OF_EXPERTS, _CHOOSING = {"expert", "experts", "moe"}, {"group", "selected", "tok", "token", "topk"}
# The base of rotary angles is no size, though large.
_OF_ANGLES = {"base", "theta"}
_OF_ROTATION, _OF_OTHERS = {"rope", "rotary"}, {"layer", "layers", "rank"}
_OF_TOKENS = {"vocab", "vocabulary"}
_WIDTH = {"channels", "dim", "ndims", "size", "width"}
_CHOSEN = 2
# Less than a head, and not the half of one that other conventions of rotation mean.
_ROTATING = 4


def sizes(config: Any, architecture: str) -> Iterator[dict[str, Any]]:
    """Small values for all keys that hold a size, in the order in which they are to be tried.

    None stands for the class's own value.
    """
    values = config.to_dict()
    named = {config.attribute_map.get(key, key): size for key, size in _SIZES.items()}
    named[count_of_layers(config)] = LAYERS
    known = {**tiny_settings(architecture), **{k: v for k, v in named.items() if k in values}}
    numbers = cycle(_SMALL)
    # Some configs have the size of the vocabulary under several names.
    of_tokens = (key for key in large(config) if _OF_TOKENS & set(key.split("_")))
    known |= dict.fromkeys(of_tokens, _SIZES["vocab_size"])
    small = {**known, **{key: next(numbers) for key in large(config) if key not in known}}
    tried: list[dict[str, Any]] = []
    for depending in (_depending, _as_many_as_heads):
        for changes in _COMPROMISES:
            changed = {config.attribute_map.get(k, k): v for k, v in changes.items()}
            found = {**small, **depending(config, known, {**_SIZES, **changes}), **changed}
            if found not in tried:
                tried.append(found)
                yield found
    # A number for a key that has none, since some classes do not run on their own defaults.
    yield from ({**tried[0], key: 1} for key, value in values.items() if value is None)


def large(config: Any) -> list[str]:
    """Keys that hold a large whole number."""
    values = config.to_dict().items()
    found = [k for k, v in values if isinstance(v, int) and v > _LARGE and not k.endswith("_id")]
    return [key for key in found if not set(key.split("_")) & _OF_ANGLES]


def _as_many_as_heads(
    config: Any, known: Mapping[str, Any], _: Mapping[str, Any]
) -> dict[str, Any]:
    """Heads of some kind, if there are many: as many as there are heads."""
    heads = _full(config, "num_attention_heads")
    found = (key for key in large(config) if config.to_dict()[key] == heads)
    return {key: _HEADS for key in found if key not in known}


def _depending(config: Any, known: Mapping[str, Any], tried: Mapping[str, Any]) -> dict[str, Any]:
    """Values that fit the sizes `tried`, of keys that depend on them and have names of their own.

    Heads that share keys and values divide heads, experts that a token gets exist, and no more of
    a head can rotate than there is.
    """
    heads, hidden = _full(config, "num_attention_heads"), _full(config, "hidden_size")
    if not (isinstance(heads, int) and isinstance(hidden, int) and 0 < heads <= hidden):
        return {}
    full = _full(config, "head_dim") or hidden // heads
    head = tried["head_dim"] or tried["hidden_size"] // tried["num_attention_heads"]
    groups = tried["num_key_value_heads"]
    found = _as_many_as_heads(config, known, tried)
    for key, value in config.to_dict().items():
        words = set(key.split("_"))
        if isinstance(value, Mapping):
            short = _shortened(value, head / full)
            found |= {key: short} if short != value else {}
        elif key in known or type(value) is not int or value < 2 or words & _OF_OTHERS:
            continue
        elif words & _OF_EXPERTS:
            found |= {key: _CHOSEN} if words & _CHOOSING else {}
        elif words & _WIDTH:
            if value == full and words & (_OF_HEADS | _OF_ROTATION):
                found[key] = head
            elif value < full and words & _OF_ROTATION:
                found[key] = _ROTATING
        elif (words & _OF_HEADS or words >= _OF_QUERIES) and value <= heads:
            found[key] = _HEADS if value == heads else groups
    return found


def _full(config: Any, name: str) -> Any:
    """The value by a canonical name; None if there is none, or one for each layer."""
    return config.to_dict().get(config.attribute_map.get(name, name))


def _shortened(value: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Parameters of RoPE with that share of the factors, one of which each pair of a head has."""
    found = dict(value)
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            found[key] = _shortened(inner, share)
        elif isinstance(inner, list) and key.endswith("_factor"):
            length = int(len(inner) * share)
            found[key] = [inner[i * len(inner) // length] for i in range(length)]
    return found
