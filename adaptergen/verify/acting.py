"""The part of HF that computes otherwise once a config key is moved, as the claim that names it."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import torch

from adaptergen.language.values import Denotes
from adaptergen.spec.leaves import claims
from adaptergen.spec.model import Spec
from adaptergen.verify import probe
from adaptergen.verify.blame import is_multiple, is_norm
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import UnavailableError

# Each of these parts computes by a key of the config, or by none.
_MUST = ("norm.eps", "mlp.act")


def acts(hf: HfModel, spec: Spec, changes: Mapping[str, Any], claim: str) -> bool:
    """Whether it is the part that a claim is about. Of another claim nothing is known."""
    return claim in _parts(hf, spec, changes)


def is_told_apart(claim: str) -> bool:
    """Whether a claim is one of those whose part is looked for."""
    return claim in ("norm.eps", "mlp.act") or claim.startswith("multipliers.")


def blamed(hf: HfModel, spec: Spec, changes: Mapping[str, Any]) -> str:
    """The claim that names another key than the one by which its part moves; empty if none does.

    It may name none, where a part must have one.
    """
    told = {
        "norm.eps": spec.norm.eps,
        "mlp.act": spec.mlp.act,
        "multipliers.soft_cap": spec.multipliers.soft_cap,
        "attention.window": getattr(spec.attention.window, "config", None),
        **spec.multipliers.factors,
    }
    parts = _parts(hf, spec, changes)
    return next((claim for claim in parts if told.get(claim) or claim in _MUST), "")


def _parts(hf: HfModel, spec: Spec, changes: Mapping[str, Any]) -> list[str]:
    """The claims whose parts compute otherwise, of those that do nothing but name a key."""
    found: list[str] = []
    with suppress(LookupError, UnavailableError, RuntimeError, TypeError):
        # Some are known before HF cannot go on.
        for claim in _moved(hf, hf.moved(changes), spec):
            found.append(claim)
    return found


def _moved(hf: HfModel, other: HfModel, spec: Spec) -> Iterator[str]:
    first = f"{spec.paths.blocks}.0"
    if any(_differs(hf, other, path) for path in _norms(hf, spec, first)):
        yield "norm.eps"
    layers = range(len(hf.module(spec.paths.blocks)))
    mlps = [f"{spec.paths.blocks}.{number}.{spec.mlp.path}" for number in layers]
    of_mlp = any(_differs(hf, other, path) for path in mlps)
    if of_mlp:
        yield "mlp.act"
    if probe.reach(hf, first) != probe.reach(other, first):
        yield "attention.window"
    one, two = hf.call(first).input, other.call(first).input
    if probe.changed(one, two) and is_multiple(one, two):
        yield "multipliers.embedding"
    parts = (f"{first}.{name}" for name in (spec.attention.path, *spec.block.norms.values()))
    inside = of_mlp or any(_differs(hf, other, path) for path in parts)
    if not inside and _differs(hf, other, first):
        yield "multipliers.residual"
    one, two = hf.call(spec.paths.final_norm).value, other.call(spec.paths.final_norm).value
    if not probe.changed(one, two) and probe.changed(hf.seen.logits, other.seen.logits):
        scaled = is_multiple(hf.seen.logits, other.seen.logits)
        yield "multipliers.logits" if scaled else "multipliers.soft_cap"


def _norms(hf: HfModel, spec: Spec, block: str) -> Iterator[str]:
    """Paths of the norms that claims name, as far as the model and a block have and run them."""
    for leaf in claims(spec):
        path = f"{block}.{leaf.place}" if leaf.in_blocks else leaf.place
        if leaf.denotes is Denotes.PART and is_norm(leaf.claim) and path in hf.seen.calls:
            yield path


def _differs(hf: HfModel, other: HfModel, path: str) -> bool:
    """Whether a module returns something else for what it was given before a key was moved."""
    call = hf.call(path)
    with torch.no_grad():
        return probe.changed(hf.rerun(path, call).value, other.rerun(path, call).value)
