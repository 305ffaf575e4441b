"""Roles of the modules inside of attention, found by disturbing what they return."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock, patch

import torch
from torch import Tensor, nn

from adaptergen.infer.anatomy import is_norm, same
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.verify import probe
from adaptergen.verify.pattern import pattern

_POSITION = 1


@dataclass(frozen=True)
class Projections:
    """The linear layers of attention by role, how they are laid out, and the number of heads."""

    facet: dict[str, Any]
    gate: str | None
    heads: int
    head_dim: int
    key_value: int

    @property
    def q(self) -> str:
        """The projection that returns queries."""
        return str(self.facet.get("q", self.facet.get("qkv")))

    @property
    def o(self) -> str:
        """The output projection."""
        return str(self.facet["o"])

    @property
    def names(self) -> list[str]:
        """Every linear layer."""
        return [
            *(v for k, v in self.facet.items() if k not in ("kind", "layout")),
            *filter(None, [self.gate]),
        ]


def linears(tiny: TinyModel, attention: str) -> list[str]:
    """Names of the linear layers inside a module that ran."""
    module, calls = tiny.hf.module(attention), tiny.hf.seen.calls
    return [
        name
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear) and f"{attention}.{name}" in calls
    ]


def norms(tiny: TinyModel, attention: str) -> list[str]:
    """Names of the norms inside a module."""
    calls = tiny.hf.seen.calls
    names = [name for name, _ in tiny.hf.module(attention).named_children()]
    ran = [name for name in names if f"{attention}.{name}" in calls]
    return [name for name in ran if is_norm(tiny, f"{attention}.{name}")]


def projections(tiny: TinyModel, attention: str) -> Projections:
    """The projections of an attention module.

    Raises:
        UnexplainedError: if its linear layers play other parts than queries, keys, values, output
            and a gate, or play them in an unknown order.
    """
    heads = pattern(tiny.hf, attention).shape[1]
    roles = {name: _roles_of(tiny, attention, name) for name in linears(tiny, attention)}
    returned = tiny.hf.call(attention).value
    outs = [n for n, r in roles.items() if r == {"o"} and _returns(tiny, attention, n, returned)]
    if len(outs) != 1:
        raise UnexplainedError("no linear layer of attention returns what attention returns")
    by_role = {role: [n for n, found in roles.items() if found == {role}] for role in "qkv"}
    gates = [name for name, found in roles.items() if found == {"o"} and name not in outs]
    fused = [name for name, found in roles.items() if len(found) > 1]
    if len(gates) > 1:
        raise UnexplainedError(f"attention has gates: {', '.join(gates)}")
    gate = gates[0] if gates else None
    if all(len(names) == 1 for names in by_role.values()) and not fused:
        names = {role: names[0] for role, names in by_role.items()}
        widths = {role: _width(tiny, attention, name) for role, name in names.items()}
        facet = {"kind": "separate", **names, "o": outs[0]}
        size = _divided(widths["q"], heads)
        return Projections(facet, gate, heads, size, _divided(widths["k"], size))
    if len(fused) == 1 and not any(by_role.values()):
        facet = {"kind": "fused", "qkv": fused[0], "o": outs[0]}
        layout, size, key_value = _layout(tiny, attention, fused[0], heads)
        return Projections({**facet, "layout": layout}, gate, heads, size, key_value)
    shown = ", ".join(
        f"{name}: {'+'.join(sorted(found)) or 'nothing'}" for name, found in roles.items()
    )
    raise UnexplainedError(f"linear layers of attention do not play one part each: {shown}")


def alike(tiny: TinyModel, name: str, found: Projections) -> None:
    """Make sure that attention is the same in every layer, and values as large as keys.

    Raises:
        UnexplainedError: if it is not, with what differs.
    """
    shapes = {path: _shapes(tiny, path) for path in tiny.below(name)}
    first, *others = shapes
    for other in others:
        for part in {**shapes[first], **shapes[other]}:
            one, two = shapes[first].get(part), shapes[other].get(part)
            if one != two:
                raise UnexplainedError(f"attention's {part} is {two} in {other}, {one} in {first}")
    if found.facet["kind"] == "separate":
        widths = [_width(tiny, first, found.facet[role]) for role in "kv"]
        if len(set(widths)) > 1:
            raise UnexplainedError(f"keys are {widths[0]} wide, values {widths[1]}")


def _shapes(tiny: TinyModel, path: str) -> dict[str, list[int]]:
    return {name: list(p.shape) for name, p in tiny.hf.module(path).named_parameters()}


def _width(tiny: TinyModel, attention: str, name: str) -> int:
    return int(tiny.hf.call(f"{attention}.{name}").value.shape[-1])


def _divided(width: int, by: int) -> int:
    if not by or width % by:
        raise UnexplainedError(f"a projection is {width} wide, which is not a multiple of {by}")
    return width // by


def _returns(tiny: TinyModel, attention: str, name: str, returned: Tensor) -> bool:
    return same(tiny.hf.call(f"{attention}.{name}").value, returned)


def _roles_of(tiny: TinyModel, attention: str, name: str) -> set[str]:
    """Roles of a linear layer's outputs, as far as the first, middle and last say."""
    width = _width(tiny, attention, name)
    sampled = sorted({0, width // 3, width // 2, width - 1})
    return {_role(tiny, attention, name, element) for element in sampled}


def _role(tiny: TinyModel, attention: str, name: str, element: int) -> str:
    """The role, q, k, v or o, of one output of a linear layer; `o` also stands for a gate."""
    edit = probe.at(torch.tensor([element]), _disturbed)
    return probe.part_played(tiny.hf, attention, f"{attention}.{name}", edit, _POSITION)


def _disturbed(value: Tensor) -> Tensor:
    """Change what a projection returns for one token."""
    result = value.clone()
    result[:, _POSITION] += 2.0
    return result


def _layout(tiny: TinyModel, attention: str, name: str, heads: int) -> tuple[str, int, int]:
    """Layout of a fused projection, size of a head, and number of key and value heads."""
    width = _width(tiny, attention, name)
    found = "".join(_role(tiny, attention, name, i) for i in range(width))
    size = found.count("q") // heads
    key_value = found.count("k") // size if size else 0
    if size and key_value:
        group = heads // key_value
        layouts = {
            "stacked": "q" * heads * size + "k" * key_value * size + "v" * key_value * size,
            "grouped": ("q" * group * size + "k" * size + "v" * size) * key_value,
        }
        for layout, expected in layouts.items():
            if found == expected:
                return layout, size, key_value
    raise UnexplainedError(
        f"{name} has queries, keys and values in an order that no facet describes"
    )


def sinks(tiny: TinyModel, attention: str, heads: int) -> str | None:
    """The parameter of attention itself with a number for each head."""
    module = tiny.hf.module(attention)
    own = [name for name, p in module.named_parameters(recurse=False) if p.shape == (heads,)]
    return own[0] if len(own) == 1 else None


def norm_before(tiny: TinyModel, attention: str, name: str) -> str | None:
    """The norm whose output a linear layer reads."""
    read = tiny.hf.call(f"{attention}.{name}").input
    found = (
        n for n in norms(tiny, attention) if same(tiny.hf.call(f"{attention}.{n}").value, read)
    )
    return next(found, None)


def unexplained(tiny: TinyModel, attention: str, known: list[str]) -> Iterator[str]:
    """Parameters of attention that none of the known parts hold."""
    for name, _ in tiny.hf.module(attention).named_parameters():
        if not any(name == part or name.startswith(f"{part}.") for part in known):
            yield name


def computes_with_sdpa(tiny: TinyModel) -> bool:
    """Whether HF's attention can leave its scores to torch's SDPA, and the model is the same."""
    hf, sdpa = tiny.hf, nn.functional.scaled_dot_product_attention
    batch, model = hf.batch(hf.length), copy.deepcopy(hf.model)
    with patch.object(nn.functional, sdpa.__name__, Mock(wraps=sdpa)) as used, torch.no_grad():
        try:
            # Some classes decide as they are built, and then SDPA cannot be had of them.
            model.set_attn_implementation("sdpa")
            if model.config._attn_implementation != "sdpa":
                # Its own code may call SDPA all the same, but HF has no choice of it.
                return False
            logits = model(**batch.arguments, use_cache=False).logits
        except Exception:
            # HF refuses where scores need something that SDPA lacks, such as a soft cap.
            return False
    return bool(used.called) and not probe.changed(logits, hf.seen.logits)
