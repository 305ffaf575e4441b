"""Does the MLP compute what its kind says?"""

from collections.abc import Iterator
from functools import singledispatch

import torch
from torch import Tensor, nn

from adaptergen.components.mlp.fused_gated.spec import FusedGatedMlp
from adaptergen.components.mlp.gated.spec import GatedMlp
from adaptergen.components.mlp.moe.spec import DenseLayers, MoeMlp, SharedExpert
from adaptergen.components.mlp.opaque.spec import OpaqueMlp
from adaptergen.components.mlp.plain.spec import PlainMlp
from adaptergen.components.side_mlp.spec import SideMlp
from adaptergen.language.facet import Facet
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, check, largest_difference
from adaptergen.verify.components import known_to_tl
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import MissingError
from adaptergen.verify.routing import routed
from adaptergen.verify.subject import Subject
from adaptergen.verify.versions import exceptions_apply


@check("claims.mlp", "Activation, gate and experts are where the MLP's kind says.")
def mlp(subject: Subject) -> Iterator[Evidence]:
    """A gated MLP is linear in its input projection and not in its gate; others have no gate."""
    for number, path in subject.below(subject.spec.mlp.path):
        for holds, text, claim in _facts(subject.spec.mlp, subject.hf, path):
            yield Fact(holds, text, number, f"mlp.{claim}")
    if subject.spec.side_mlp is not None:
        yield from _beside(subject, subject.spec.side_mlp)
    if isinstance(subject.spec.mlp, MoeMlp) and not subject.overrides:
        yield from _has_dense_layers(subject, subject.spec.mlp)
    if not subject.overrides:
        yield from _told(subject)
    if isinstance(subject.spec.mlp, PlainMlp):
        for number, layer in subject.layers.items():
            found = overwritten(subject.hf, layer, f"{layer}.{subject.spec.mlp.path}")
            text = f"HF's block {'changes' if found else 'does not change'} what its MLP returned"
            holds = found == subject.spec.mlp.overwritten
            yield Fact(holds, text, number, "mlp.overwritten")


def _beside(subject: Subject, side: SideMlp) -> Iterator[Fact]:
    """Whether the MLP beside another is gated as its facet says."""
    for number, path in subject.below(side.path):
        for holds, text, claim in _fused(side, subject.hf, path, "gate"):
            yield Fact(holds, text, number, f"side_mlp.{claim}")


def _has_dense_layers(subject: Subject, mlp: MoeMlp) -> Iterator[Fact]:
    """A claim about layers without experts is tested only by a model that has some.

    The spec's own tiny model must have them; a config that the user asks for need not.
    """
    experts = [subject.hf.has(path) for _, path in subject.below(f"{mlp.path}.{mlp.chosen_among}")]
    text = "every layer of the tiny model has experts: set its config so that one has none,"
    shown = mlp.dense is None or not all(experts)
    yield Fact(shown, f"{text} or write `mlp.dense: null`", claim="mlp.dense")


def _told(subject: Subject) -> Iterator[Fact]:
    """Whether TL knows by itself the number of hidden neurons that the spec tells it."""
    mlp, hf = subject.spec.mlp, subject.hf
    for key in ("width", "measured"):
        if getattr(mlp, key, None):
            path = f"{subject.layers[0]}.{mlp.path}.{mlp.modules['out']}"
            width, known = hf.call(path).input.shape[-1], known_to_tl(hf.architecture, hf.model)
            text = f"TransformerLens knows by itself that there are {width} hidden neurons"
            holds = known.d_mlp != width or not exceptions_apply()
            yield Fact(holds, text, claim=f"mlp.{key}")


def overwritten(hf: HfModel, layer: str, path: str) -> bool:
    """Whether a layer computes in place with what its MLP returned."""
    kept: list[tuple[Tensor, Tensor]] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        kept.append((output, output.clone()))

    handle = hf.module(path).register_forward_hook(keep)
    try:
        with torch.no_grad():
            hf.rerun(layer, hf.call(layer))
    finally:
        handle.remove()
    return any(not torch.equal(output, before) for output, before in kept)


@singledispatch
def _facts(mlp: Facet, hf: HfModel, path: str) -> Iterator[tuple[bool, str, str]]:
    """Facts with their wording and claim; one function for each kind."""
    raise NotImplementedError(type(mlp))


@_facts.register
def _gated(mlp: GatedMlp, hf: HfModel, path: str) -> Iterator[tuple[bool, str, str]]:
    yield from _multiplied(mlp, hf, path, mlp.norm_before_out or mlp.out, "kind")
    if mlp.norm_before_out is not None:
        normed = hf.call(f"{path}.{mlp.norm_before_out}").value
        reads = torch.equal(hf.call(f"{path}.{mlp.out}").input, normed)
        yield reads, f"HF's {mlp.out} does not read {mlp.norm_before_out}", "norm_before_out"


@_facts.register
def _fused_gated(mlp: FusedGatedMlp, hf: HfModel, path: str) -> Iterator[tuple[bool, str, str]]:
    yield from _fused(mlp, hf, path, mlp.first)


def _multiplied(
    part: GatedMlp | SharedExpert | DenseLayers, hf: HfModel, path: str, reader: str, claim: str
) -> Iterator[tuple[bool, str, str]]:
    """Whether what a module reads is the input, times an activation of the gate."""
    gate, up = (f"{path}.{part.gate}", None), (f"{path}.{part.in_}", None)
    reversed_ = probe.gated_by(hf, path, up, gate, f"{path}.{reader}")
    yield not reversed_, f"in HF {part.in_} is the gate, and {part.gate} the input", "gate"
    gated = reversed_ or probe.gated_by(hf, path, gate, up, f"{path}.{reader}")
    roles = {"gate": part.gate, "in": part.in_}.items()
    unread = (
        role
        for role, name in roles
        if not gated and not probe.depends(hf, path, f"{path}.{name}", f"{path}.{reader}")
    )
    yield gated, f"HF's MLP is not act({part.gate}(x)) * {part.in_}(x)", next(unread, claim)


def _fused(
    part: FusedGatedMlp | SideMlp, hf: HfModel, path: str, first: str
) -> Iterator[tuple[bool, str, str]]:
    """Whether what the output projection reads is one half, times an activation of the other."""
    fused = f"{path}.{part.gate_in}"
    halves = torch.arange(hf.call(fused).value.shape[-1]).chunk(2)
    gate, up = halves if first == "gate" else halves[::-1]
    out = f"{path}.{part.out}"
    gated = probe.gated_by(hf, path, (fused, gate), (fused, up), out)
    half = "first" if first == "gate" else "second"
    text = f"the {half} half of HF's {part.gate_in} is not the gate of the other"
    reversed_ = not gated and probe.gated_by(hf, path, (fused, up), (fused, gate), out)
    yield gated, text, "first" if reversed_ else "gate_in"


@_facts.register
def _plain(mlp: PlainMlp, hf: HfModel, path: str) -> Iterator[tuple[bool, str, str]]:
    hidden = probe.hidden_by_element(hf, path, f"{path}.{mlp.in_}", f"{path}.{mlp.out}")
    text = f"HF's {mlp.out} does not read an activation of {mlp.in_}, each by itself"
    read = hidden or probe.depends(hf, path, f"{path}.{mlp.in_}", f"{path}.{mlp.out}")
    yield hidden, text, "kind" if read else "in"


@_facts.register
def _moe(mlp: MoeMlp, hf: HfModel, path: str) -> Iterator[tuple[bool, str, str]]:
    if not hf.has(f"{path}.{mlp.chosen_among}"):
        dense = mlp.dense
        text = f"HF's {path} has no {mlp.chosen_among}, and the spec knows no dense layers"
        yield dense is not None, text, "dense"
        if dense is not None:
            yield from _within("dense", _multiplied(dense, hf, path, dense.out, ""))
        return
    yield _routes(mlp, hf, path)
    shared = f"{path}.{mlp.shared.path}" if mlp.shared else ""
    if mlp.shared is not None:
        yield from _within("shared", _multiplied(mlp.shared, hf, shared, mlp.shared.out, ""))
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


def _within(key: str, facts: Iterator[tuple[bool, str, str]]) -> Iterator[tuple[bool, str, str]]:
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


@_facts.register
def _opaque(mlp: OpaqueMlp, hf: HfModel, path: str) -> Iterator[tuple[bool, str, str]]:
    times, tokens = hf.seen.runs.get(path, 0), probe.reach(hf, path)
    yield times == 1, f"HF runs {mlp.path} {times} times in one pass", "path"
    yield tokens == 1, f"HF's {mlp.path} sees {tokens} tokens, an MLP sees one", "path"


def _parallel(rest: Tensor, shared: Tensor) -> bool:
    """Whether each token's rest is a multiple of the shared expert's output: it may be gated."""
    factor = (rest * shared).sum(-1, keepdim=True) / (shared * shared).sum(-1, keepdim=True)
    return largest_difference(rest, factor * shared) < probe.NOISE
