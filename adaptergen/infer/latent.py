"""Attention through latents: which linear layer compresses what, and decompresses it."""

from typing import Any

from torch import Tensor

from adaptergen.infer.anatomy import same
from adaptergen.infer.attention import linears, norms
from adaptergen.infer.keys import decided, moved_by, numbers
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.verify.pattern import pattern

Facet = dict[str, Any]
_USUAL = "num_attention_heads"


def latents(tiny: TinyModel, attention: str) -> dict[str, tuple[str, str, str]]:
    """For queries and for keys and values: the projection to a latent, its norm, and that from it.

    Empty where attention projects heads directly.
    """
    call = tiny.hf.call
    out = _output(tiny, attention)
    found = []
    for norm in norms(tiny, attention):
        normed, taken = (
            _flat(v) for v in (call(f"{attention}.{norm}").value, call(f"{attention}.{norm}").input)
        )
        readers = [n for n in linears(tiny, attention) if _reads(tiny, attention, n, normed)]
        writers = [n for n in linears(tiny, attention) if _starts(tiny, attention, n, taken)]
        if len(readers) == 1 and len(writers) == 1 and readers[0] != out:
            found.append((writers[0], norm, readers[0]))
    if not found:
        return {}
    # The projection to the latent of keys and values also returns keys that rotate.
    whole = [
        parts
        for parts in found
        if _width(tiny, attention, parts[0]) == _taken(tiny, attention, parts[1])
    ]
    rest = [parts for parts in found if parts not in whole]
    if len(rest) != 1 or len(whole) > 1:
        raise UnexplainedError("attention has latents that no facet describes")
    return {"kv": rest[0], **({"q": whole[0]} if whole else {})}


def _output(tiny: TinyModel, attention: str) -> str | None:
    returned = tiny.hf.call(attention).value
    names = linears(tiny, attention)
    return next((n for n in names if same(tiny.hf.call(f"{attention}.{n}").value, returned)), None)


def _flat(value: Tensor) -> Tensor:
    """[batch, pos, width], also where HF has the latent of all heads as that of one head."""
    return value.squeeze(1) if value.ndim == 4 else value


def _reads(tiny: TinyModel, attention: str, name: str, value: Tensor) -> bool:
    return same(_flat(tiny.hf.call(f"{attention}.{name}").input), value)


def _starts(tiny: TinyModel, attention: str, name: str, value: Tensor) -> bool:
    given = _flat(tiny.hf.call(f"{attention}.{name}").value)
    return given.ndim == value.ndim and same(given[..., : value.shape[-1]], value)


def _width(tiny: TinyModel, attention: str, name: str) -> int:
    return int(tiny.hf.call(f"{attention}.{name}").value.shape[-1])


def _taken(tiny: TinyModel, attention: str, name: str) -> int:
    return int(tiny.hf.call(f"{attention}.{name}").input.shape[-1])


def latent_attention(tiny: TinyModel, attention: str, path: str) -> Facet | None:
    """The facet of latent attention as YAML has it, without its window; None if it is another kind.

    Raises:
        UnexplainedError: if it has latents of another kind.
    """
    found = latents(tiny, attention)
    if not found:
        return None
    out = _output(tiny, attention)
    if out is None:
        raise UnexplainedError("no linear layer of attention returns what attention returns")
    compressed, other = _compressed(tiny, attention, bool(found.get("q")))
    both = {**latents(other, attention), **found}
    if "q" not in both:
        raise UnexplainedError("attention compresses keys and values, and queries under no config")
    plain = other if "q" in found else tiny
    known = {name for parts in both.values() for name in (parts[0], parts[2])} | {out}
    direct = [name for name in linears(plain, attention) if name not in known]
    if len(direct) != 1:
        raise UnexplainedError(f"attention has linear layers that no facet describes: {direct}")
    (q_a, q_norm, q_b), (kv_a, kv_norm, kv_b) = both["q"], both["kv"]
    facet: Facet = {"kind": "latent", "path": path, "q": direct[0]}
    facet |= {"q_a": q_a, "q_norm": q_norm, "q_b": q_b}
    facet |= {"kv_a": kv_a, "kv_norm": kv_norm, "kv_b": kv_b, "o": out}
    facet["compressed"] = compressed
    facet["bias"] = decided(
        tiny, lambda built: f"{attention}.{kv_a}.bias" in built.shapes, f"the bias of {kv_a}"
    )
    facet["query_heads"] = _heads(tiny, attention)
    facet["value_head_dim"] = _value_size(tiny, attention, out)
    return facet


def _compressed(tiny: TinyModel, attention: str, compresses: bool) -> tuple[str, TinyModel]:
    """The config key of the size of the queries' latent, and the model of the other kind."""
    values = tiny.values
    keys = [k for k in values if values[k] is None or (isinstance(values[k], int) and compresses)]
    for key in keys:
        other = tiny.under({key: None if compresses else 32})
        if other is not None and bool(latents(other, attention).get("q")) != compresses:
            return key, other
    raise UnexplainedError("no config key decides whether queries are compressed")


def _heads(tiny: TinyModel, attention: str) -> str:
    def count(other: TinyModel) -> int:
        return int(pattern(other.hf, attention).shape[1])

    found = count(tiny)
    keys = [key for key in numbers(tiny.values) if tiny.values[key] == found]
    needed = list(keys)
    # Heads of queries and of keys may have to agree: all that need moving are moved.
    for key in keys:
        rest = [other for other in needed if other != key]
        moved = tiny.under(dict.fromkeys(rest, 8)) if rest else None
        needed = rest if moved is not None and count(moved) == 8 else needed
    moved = tiny.under(dict.fromkeys(needed, 8))
    if moved is None or count(moved) != 8:
        raise UnexplainedError(f"no config key gives the {found} heads")
    usual = tiny.config.attribute_map.get(_USUAL, _USUAL)
    return usual if usual in needed else needed[0]


def _value_size(tiny: TinyModel, attention: str, out: str) -> str:
    def width(other: TinyModel) -> int:
        return int(other.hf.call(f"{attention}.{out}").input.shape[-1])

    heads = int(pattern(tiny.hf, attention).shape[1])
    keys = [key for key in numbers(tiny.values) if tiny.values[key] * heads == width(tiny)]
    key = moved_by(tiny, keys, (20, 24), lambda other, size: width(other) == heads * size)
    if key is None:
        raise UnexplainedError("no config key gives the size of a head's values")
    return key
