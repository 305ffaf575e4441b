"""Does a mixture of experts compute what its keys say?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from adaptergen.components.mlp.moe.spec import MoeMlp
from adaptergen.components.mlp.probe import Facts, multiplied
from adaptergen.verify import probe
from adaptergen.verify.check import largest_difference
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import MissingError
from adaptergen.verify.routing import routed


def facts(mlp: MoeMlp, hf: HfModel, path: str) -> Facts:
    """What the keys say of the module at a path, and whether it is so."""
    if not hf.has(f"{path}.{mlp.chosen_among}"):
        dense = mlp.dense
        text = f"HF's {path} has no {mlp.chosen_among}, and the spec knows no dense layers"
        yield dense is not None, text, "dense"
        if dense is not None:
            yield from _within("dense", multiplied(dense, hf, path, dense.out, ""))
        return
    yield _routes(mlp, hf, path)
    shared = f"{path}.{mlp.shared.path}" if mlp.shared else ""
    if mlp.shared is not None:
        yield from _within("shared", multiplied(mlp.shared, hf, shared, mlp.shared.out, ""))
    if mlp.experts is None:
        for name in _holding_experts(mlp, hf, path, shared):
            yield False, f"HF's {name} holds all experts", "experts"
    chosen = _chosen(mlp, hf, path, shared)
    if chosen is None:
        return
    held = mlp.experts or "experts"
    text = f"HF's MLP returns other than {held}{f' and {shared}' if shared else ''}"
    claim = "shared" if shared else "experts"
    yield _adds_up(hf, path, chosen, shared), text, claim
    if mlp.shared is not None and mlp.shared.mix is not None:
        text = f"the sigmoid of HF's {mlp.shared.mix} does not multiply {mlp.shared.path}"
        yield _adds_up(hf, path, chosen, shared, f"{path}.{mlp.shared.mix}"), text, "shared.mix"


def _within(key: str, facts: Facts) -> Facts:
    """The facts of a part of the facet, with its claims seen from the facet."""
    for holds, text, claim in facts:
        yield holds, text, f"{key}.{claim}".rstrip(".")


def _routes(mlp: MoeMlp, hf: HfModel, path: str) -> tuple[bool, str, str]:
    """Whether the router gives each expert a number, and chooses, or leaves that to the MLP."""
    router, claim = f"{path}.{mlp.router}", "router"
    hf.module(router)
    if router not in hf.seen.calls:
        # Then no hook on it can fire.
        return False, f"HF reads the weights of {mlp.router} and does not run it", claim
    text = f"HF's {mlp.router} does not return logits, weights and numbers of experts"
    try:
        found = routed(hf.call(router).output)
    except MissingError:
        return False, text, claim
    every, counted = found.logits.shape[-1], getattr(hf.config, mlp.count, None)
    if every != counted and found.experts is None:
        return False, text, claim
    if every != counted:
        return False, f"HF's {mlp.router} chooses among {every}, {mlp.count} is {counted}", "count"
    # What chooses must not lie around it.
    around = router.rpartition(".")[0]
    return found.experts is not None or not _chooses(hf, around), text, claim


def _chooses(hf: HfModel, path: str) -> bool:
    """Whether a module returns weights and numbers of experts, as routers do."""
    try:
        return routed(hf.call(path).output).experts is not None
    except MissingError:
        return False


def _holding_experts(mlp: MoeMlp, hf: HfModel, path: str, shared: str) -> Iterator[str]:
    """Names of modules that return all that the MLP does but for the shared expert's output."""
    others = (mlp.router.partition(".")[0], mlp.shared.path if mlp.shared else "")
    for name, _ in hf.module(path).named_children():
        inside = f"{path}.{name}"
        run_once = hf.seen.runs.get(inside) == 1
        if name not in others and run_once and _adds_up(hf, path, hf.call(inside).value, shared):
            yield name


def _chosen(mlp: MoeMlp, hf: HfModel, path: str, shared: str) -> Tensor | None:
    """The sum of the chosen experts; None where no module returns it, nor is anything beside it."""
    if mlp.experts is not None:
        return hf.call(f"{path}.{mlp.experts}").value
    return probe.run_edited(hf, path, {shared: torch.zeros_like}) if shared else None


def _adds_up(hf: HfModel, path: str, chosen: Tensor, shared: str, mix: str = "") -> bool:
    """Whether an MLP returns what its experts do, and a multiple of the shared expert's output.

    With `mix`, the multiple is the sigmoid of what that module returns.
    """
    total = hf.call(path).value
    if chosen.numel() != total.numel():
        return False
    rest = total - chosen.reshape(total.shape)
    if not shared:
        return largest_difference(rest, torch.zeros_like(rest)) < probe.NOISE
    beside = hf.call(shared).value
    if beside.numel() != total.numel():
        return False
    beside = beside.reshape(total.shape)
    if not mix:
        return _parallel(rest, beside)
    factor = hf.call(mix).value.sigmoid().reshape(*total.shape[:-1], -1)
    one = factor.shape[-1] == 1
    return one and largest_difference(rest, factor * beside) < probe.NOISE


def _parallel(rest: Tensor, shared: Tensor) -> bool:
    """Whether each token's rest is a multiple of the shared expert's output: it may be gated."""
    factor = (rest * shared).sum(-1, keepdim=True) / (shared * shared).sum(-1, keepdim=True)
    return largest_difference(rest, factor * shared) < probe.NOISE
