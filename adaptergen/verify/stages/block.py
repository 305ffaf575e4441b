"""The residual stream and the norms: what happens around attention and MLP."""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from adaptergen.components.attention.probe import probe_of as attention_of
from adaptergen.components.mlp.probe import probe_of as mlp_of
from adaptergen.components.side_mlp.probe import side_stages
from adaptergen.language.factor import value_of
from adaptergen.spec.model import Spec
from adaptergen.verify.call import Call
from adaptergen.verify.hf import HfModel
from adaptergen.verify.stage import Layer, Part, Stage


def stages(hf: HfModel, spec: Spec, layers: dict[int, str]) -> list[Stage]:
    """All stages of the main pass."""
    found = list(_before_blocks(hf, spec, layers))
    for number, path in layers.items():
        found += _block(Layer(hf, spec, path, number))
    return found + list(_after_blocks(hf, spec))


def _before_blocks(hf: HfModel, spec: Spec, layers: dict[int, str]) -> Iterator[Stage]:
    embed = hf.call(spec.paths.embed)
    yield Stage("embed.hook_in", "stream", "paths.embed", embed.input)
    for hook in ("embed.hook_out", "hook_embed"):
        yield Stage(hook, "stream", "paths.embed", _embedded(hf, spec, layers[0]))
    if spec.paths.rotary is None:
        return
    call, times = hf.call(spec.paths.rotary), hf.seen.runs[spec.paths.rotary]
    yield Stage("rotary_emb.hook_in", "attention", "paths.rotary", call.input, times=times)
    if not isinstance(call.output, tuple):
        # Complex numbers instead of cosines and sines, which TL has no hooks for.
        return
    for hook, value in (("hook_cos", call.output[0]), ("hook_sin", call.output[1])):
        yield Stage(f"rotary_emb.{hook}", "attention", "paths.rotary", value, times=times)


def _embedded(hf: HfModel, spec: Spec, first: str) -> Tensor:
    """TL's view of the embedding: scaled, which HF does outside of it, and not yet normed."""
    embedding, factor = hf.call(spec.paths.embed).value, spec.multipliers.embedding
    if factor is None:
        return embedding
    if spec.embedding_norm is None:
        return hf.call(first).input
    # The norm may be the last one too, whose call is then another.
    return embedding * value_of(factor, hf.config)


def _after_blocks(hf: HfModel, spec: Spec) -> Iterator[Stage]:
    path = spec.paths.final_norm
    for stage in _norm("ln_final", "paths.final_norm", hf.call(path), None):
        # The same norm may come before the first block too.
        yield replace(stage, times=hf.seen.runs[path])
    unembed = hf.call(spec.paths.unembed)
    yield Stage("unembed.hook_in", "stream", "paths.final_norm", unembed.input)
    for hook in ("unembed.hook_out", "hook_unembed"):
        yield Stage(hook, "stream", "paths.unembed", unembed.value)


def _block(layer: Layer) -> Iterator[Stage]:
    spec, norms = layer.spec, layer.spec.block.norms
    call, attention, mlp = layer.call(), spec.attention.path, spec.mlp.path
    for hook in ("hook_in", "hook_resid_pre"):
        yield layer.stage(hook, "stream", "paths.blocks", call.input)
    yield from _norm_of(layer, "ln1")
    yield layer.stage("attn.hook_in", "attention", "attention.path", layer.call(attention).input)
    yield from attention_of(spec.attention).stages(layer)
    yield from _output(
        layer, "attn", attention, "ln1_post", attention_of(spec.attention).output_claim
    )
    if not spec.block.parallel:
        middle = layer.call(norms.get("ln2", mlp)).input
        yield layer.stage("hook_resid_mid", "stream", "block.topology", middle)
    yield from _norm_of(layer, "ln2")
    yield layer.stage("mlp.hook_in", "mlp", "mlp.path", layer.call(mlp).input)
    yield from mlp_of(spec.mlp).stages(layer)
    yield from _output(layer, "mlp", mlp, "ln2_post", mlp_of(spec.mlp).output_claim)
    if spec.side_mlp is not None:
        yield from side_stages(spec.side_mlp, layer)
    for hook in ("hook_out", "hook_resid_post"):
        yield layer.stage(hook, "stream", "block.topology", call.value)


def _output(layer: Layer, part: str, path: str, post: str, claim: str) -> Iterator[Stage]:
    """The output of attention or MLP, and its share in the stream: normed or scaled, if so."""
    kind: Part = "mlp" if part == "mlp" else "attention"
    value = layer.call(path).value
    yield layer.stage(f"{part}.hook_out", kind, claim, value)
    yield from _norm_of(layer, post)
    if post in layer.spec.block.norms:
        value, claim = layer.call(layer.spec.block.norms[post]).value, f"block.{post}"
    if part == "attn" or layer.spec.side_mlp is None:
        yield layer.stage(f"hook_{part}_out", kind, claim, value * layer.residual_scale)


def _norm_of(layer: Layer, role: str) -> Iterator[Stage]:
    """The stages of a norm of the block, where it has that role."""
    name = layer.spec.block.norms.get(role)
    if name is not None:
        yield from _norm(role, f"block.{role}", layer.call(name), layer.number)


def _norm(name: str, claim: str, call: Call, layer: int | None) -> Iterator[Stage]:
    yield Stage(f"{name}.hook_in", "norm", claim, call.input, layer)
    yield Stage(f"{name}.hook_scale", "norm", claim, call.input[..., :1], layer, exact=False)
    yield Stage(f"{name}.hook_normalized", "norm", claim, call.value, layer, exact=False)
    yield Stage(f"{name}.hook_out", "norm", claim, call.value, layer)
