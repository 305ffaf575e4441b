"""Everything that can be seen of a model, facet by facet, with the evidence."""

import inspect
from typing import Any

from adaptergen.components.mlp.infer import mlp, projected
from adaptergen.infer import positions
from adaptergen.infer.anatomy import Anatomy, anatomy
from adaptergen.infer.attention import (
    Projections,
    alike,
    computes_with_sdpa,
    norm_before,
    projections,
    sinks,
    unexplained,
)
from adaptergen.infer.block import flow, own_parameters
from adaptergen.infer.finding import Findings
from adaptergen.infer.heads import heads
from adaptergen.infer.keys import bias, decided, present
from adaptergen.infer.latent import latent_attention
from adaptergen.infer.layouts import blocks
from adaptergen.infer.left_to_hf import NOTHING, LeftToHf, blaming
from adaptergen.infer.multipliers import multipliers
from adaptergen.infer.norm import norm
from adaptergen.infer.qk_norm import HeadNorms, head_norms
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.spec.model import Spec
from adaptergen.verify import probe
from adaptergen.verify.handed import MASK, argument_of_mask, handed_mask, hides
from adaptergen.verify.pattern import has_one_softmax
from adaptergen.verify.positions import positions_of
from adaptergen.verify.returned import cached, returned

_FLOW = "the tensors handed on"
_DISTURBED = "what changes when its output is disturbed"
_MOVED = "it moves with the config key"
_FLIPPED = "each boolean config key flipped"


def observe(tiny: TinyModel, findings: Findings, left_to_hf: LeftToHf = NOTHING) -> Anatomy:
    """Fill in every facet but processing, tokenizer and verification.

    Raises:
        UnexplainedError: if something has no facet, and is not left to HF.
    """
    parts = anatomy(tiny)
    for key in ("embed", "rotary", "blocks", "final_norm", "unembed"):
        findings.add(f"paths.{key}", getattr(parts, key), _FLOW)
    with blaming("block"):
        _block(tiny, parts, findings, bool(left_to_hf.block))
    with blaming("mlp"):
        _mlp(tiny, parts, findings, left_to_hf.mlp)
    _embeddings(tiny, parts, findings)
    with blaming("attention"):
        _attention(tiny, parts, findings, left_to_hf)
    return parts


def _block(tiny: TinyModel, parts: Anatomy, findings: Findings, opaque: bool) -> None:
    facet, layouts = blocks(tiny, opaque=opaque)
    norms = _norms(tiny, parts, facet)
    findings.add("norm", norm(tiny, norms), "its answer to scaled input")
    if parts.embedding_norm is not None:
        findings.add("embedding_norm", parts.embedding_norm, _FLOW)
    findings.add("block", facet, _FLOW)
    if layouts:
        findings.add("layouts", layouts, _FLIPPED)
    if opaque:
        findings.add("opaque", own_parameters(tiny), "parameters that no facet names")
    scale = flow(tiny, opaque=opaque).scale
    for key, value in multipliers(tiny, parts, scale).items():
        findings.add(f"multipliers.{key}", value, "the ratio of two tensors moves with the key")


def _norms(tiny: TinyModel, parts: Anatomy, block: dict[str, Any]) -> list[str]:
    names = flow(tiny, opaque=True).facet
    roles = [name for role, name in names.items() if role != "topology" and name in block.values()]
    return [parts.final_norm, *(path for name in roles for path in tiny.below(name))]


def _mlp(tiny: TinyModel, parts: Anatomy, findings: Findings, opaque: str) -> None:
    if opaque:
        findings.add("mlp", {"kind": "opaque", "path": parts.mlp, "reason": opaque}, "")
        return
    findings.add("mlp", mlp(tiny, parts), "which input it is linear in, and what moves it")
    if parts.side_mlp is not None:
        found = projected(tiny, f"{tiny.layers[0]}.{parts.side_mlp}")
        if found.keys() != {"kind", "gate_in", "out"}:
            raise UnexplainedError(f"no facet describes {parts.side_mlp} beside the MLP")
        side = {"path": parts.side_mlp, "gate_in": found["gate_in"], "out": found["out"]}
        findings.add("side_mlp", side, _FLOW)


def _embeddings(tiny: TinyModel, parts: Anatomy, findings: Findings) -> None:
    value = bias(tiny, parts.unembed)
    if value is not False:
        findings.add("unembed_bias", value, _FLIPPED)
    weights = f"{parts.embed}.weight", f"{parts.unembed}.weight"
    tied = decided(tiny, lambda built: built.tied(*weights), "tied embeddings")
    findings.add("tied_embeddings", tied, _FLIPPED)


def _attention(tiny: TinyModel, parts: Anatomy, findings: Findings, left_to_hf: LeftToHf) -> None:
    path = f"{tiny.layers[0]}.{parts.attention}"
    if left_to_hf.attention:
        facet: dict[str, Any] = {"kind": "opaque", "path": parts.attention}
        facet |= {"reason": left_to_hf.attention, "rotary": probe.turns(tiny.hf)}
    elif not left_to_hf.projections:
        facet = latent_attention(tiny, path, parts.attention) or {}
    else:
        facet = {}
    if facet:
        findings.add("attention", {**facet, "window": "none"}, _DISTURBED)
    else:
        _headed(tiny, parts, findings, left_to_hf.projections)
    _window(tiny, findings, lenient=bool(left_to_hf.attention or left_to_hf.projections))


def _headed(tiny: TinyModel, parts: Anatomy, findings: Findings, delegated: str) -> None:
    """Attention that projects heads: computed by TL or, for a reason, by HF in between."""
    path = f"{tiny.layers[0]}.{parts.attention}"
    found = projections(tiny, path)
    alike(tiny, parts.attention, found)
    counts, layout = heads(tiny, path, found)
    named = {**found.facet, **({"layout": layout} if layout else {})}
    findings.add("attention.kind", "delegated" if delegated else "reimplemented", "")
    if delegated:
        findings.add("attention.reason", delegated, "")
    findings.add("attention.path", parts.attention, "the one module of a block that mixes tokens")
    findings.add("attention.projections", named, _DISTURBED)
    findings.add("attention.bias", _biases(tiny, path, found), _FLIPPED)
    findings.add("attention.heads", counts, _MOVED)
    findings.add("attention.window", "none", "")
    if delegated:
        _delegated(tiny, path, found, findings)
    else:
        _reimplemented(tiny, path, found, findings)


def _biases(tiny: TinyModel, path: str, found: Projections) -> dict[str, Any]:
    roles = {role: str(found.facet.get(role, found.q)) for role in "qkvo"}
    values = {name: bias(tiny, f"{path}.{name}") for name in dict.fromkeys(roles.values())}
    return {role: values[name] for role, name in roles.items()}


def _delegated(tiny: TinyModel, path: str, found: Projections, findings: Findings) -> None:
    findings.add("attention.rotary", probe.turns(tiny.hf), "what the tokens' positions change")
    if not has_one_softmax(tiny.hf, path):
        findings.add("attention.softmax", False, "the softmaxes that run")
    left = unexplained(tiny, path, found.names)
    opaque = sorted(
        {name.partition(".")[0] for name in left} | ({found.gate} if found.gate else set())
    )
    if opaque:
        findings.add("attention.opaque", opaque, "parameters that no facet names")


def _reimplemented(tiny: TinyModel, path: str, found: Projections, findings: Findings) -> None:
    def normed_in(other: TinyModel) -> HeadNorms | None:
        # A key may decide how many of a fused projection's heads are keys.
        fused = "qkv" in found.facet
        return head_norms(other, path, projections(other, path) if fused else found)

    normed, decisive = present(tiny, normed_in, "query and key norms")
    facet = normed.facet(decisive) if normed else "none"
    findings.add("attention.qk_norm", facet, "the norms behind queries and keys")
    own, before = sinks(tiny, path, found.heads), norm_before(tiny, path, found.o)
    for key, value in (("sinks", own), ("gate", found.gate), ("norm_before_o", before)):
        if value is not None:
            findings.add(f"attention.{key}", value, _DISTURBED)
    _returned(tiny, path, findings)
    mask = handed_mask(tiny.hf, path)
    if mask is None:
        findings.add("attention.own_mask", True, "it is handed none of queries and keys")
    elif hides(mask):
        findings.add("attention.mask_hides", True, "it is false of a token and itself")
    argument = argument_of_mask(tiny.hf, path)
    if argument not in (None, MASK):
        findings.add("attention.mask_argument", argument, "its call in a padded batch")
    if own is None and not computes_with_sdpa(tiny):
        findings.add("attention.fused", "never", "HF's model with SDPA")
    norms = [normed.q, normed.k] if normed else []
    known = [*found.names, *norms, *filter(None, (own, before))]
    left = sorted({name.partition(".")[0] for name in unexplained(tiny, path, known)})
    if left:
        raise UnexplainedError(
            f"attention computes with {', '.join(left)}, which no facet describes"
        )
    _rope(tiny, path.removeprefix(f"{tiny.layers[0]}."), findings)


def _rope(tiny: TinyModel, attention: str, findings: Findings) -> None:
    if not any(positions_of(tiny.hf, path) for path in tiny.below(attention)):
        _no_positions(tiny)
    usual = {"pairing": "half", **positions.source(tiny, attention)}
    findings.add("attention.rope", {**usual, "layers": "all"}, "")
    paired = positions.pairing(tiny, draft(tiny, findings))
    said = (
        "no layer rotates" if paired is None else "turning both in these planes keeps the pattern"
    )
    rope = {**usual, **(paired or {})}
    findings.add("attention.rope", {**rope, "layers": "all"}, said)
    layers, evidence = positions.layers_rotating(tiny, draft(tiny, findings))
    findings.add("attention.rope", {**rope, "layers": layers}, evidence)


def _no_positions(tiny: TinyModel) -> None:
    """Make sure that positions turn no queries and keys where no cosines and sines are found.

    Raises:
        UnexplainedError: if they do, or the model takes no positions that could be moved.
    """
    takes = "position_ids" in inspect.signature(tiny.hf.model.forward).parameters
    if not takes or probe.turns(tiny.hf):
        raise UnexplainedError(
            "attention has positions that no module computes as cosines and sines"
        )


def _returned(tiny: TinyModel, path: str, findings: Findings) -> None:
    places = returned(tiny.hf, path)
    if "other" in places:
        raise UnexplainedError("attention returns something that no facet describes")
    if places != ["output", "pattern"]:
        findings.add("attention.returns", places, "its calls with a cache and without one")
    order = cached(tiny.hf, path)
    if order != "batch_head_pos":
        findings.add("attention.cached", order, "the shape of what it returns with a cache")


def _window(tiny: TinyModel, findings: Findings, *, lenient: bool) -> None:
    """The rule of how far layers see; what HF computes need not follow one."""
    try:
        facet, evidence = positions.window(tiny, draft(tiny, findings))
    except UnexplainedError:
        if not lenient:
            raise
        facet, evidence = "none", ""
    findings.add("attention.window", facet, evidence)


def draft(tiny: TinyModel, findings: Findings) -> Spec:
    """The spec that findings add up to, everything else as it usually is."""
    usual: dict[str, Any] = {
        "architecture": tiny.architecture,
        "model_type": tiny.config.model_type,
        "summary": "Inferred.",
        "processing": dict.fromkeys(
            ("fold_ln", "center_writing_weights", "compatibility_mode"), "valid"
        ),
        "tokenizer": {"prepend_bos": True, "padding_side": "right"},
        "tiny": tiny.settings,
    }
    return Spec.model_validate({**usual, **findings.tree()})
