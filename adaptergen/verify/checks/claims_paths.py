"""Are the modules where the spec says?"""

import re
from collections.abc import Iterator

import torch
import transformers
from torch import Tensor, nn

from adaptergen.components.attention.probe import probe_of as attention_of
from adaptergen.components.mlp.probe import probe_of as mlp_of
from adaptergen.language.factor import value_of
from adaptergen.spec.model import Spec
from adaptergen.verify import probe
from adaptergen.verify.blame import is_multiple, of_blocks
from adaptergen.verify.check import EXACT, Evidence, Fact, check, largest_difference
from adaptergen.verify.declared import linear_layers
from adaptergen.verify.hf import HfModel
from adaptergen.verify.module_fact import module_fact
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.positions import cosines_of
from adaptergen.verify.subject import Subject
from adaptergen.verify.tiny import count_of_layers
from adaptergen.verify.versions import is_older_than


@check("claims.architecture", "HF has the class, and builds the tiny model and runs it.")
def architecture(subject: Subject) -> Iterator[Evidence]:
    """Building it raises where something is wrong; HF may say which key of the config that is."""
    try:
        name = type(subject.hf.model).__name__
    except UnavailableError as error:
        text = f"{error.what} failed: {error.reason}"
        yield Fact(False, text, claim=_blamed(subject, error.reason))
        raise
    yield Fact(name == subject.spec.architecture, f"HF's class is {name}", claim="architecture")
    for number, alias in enumerate(subject.spec.aliases):
        text = f"transformers has another class that is called {alias}"
        same = getattr(transformers, alias, None) in (None, type(subject.hf.model))
        yield Fact(same, text, claim=f"aliases.{number}")
    since = subject.spec.since
    early = since is not None and is_older_than(since)
    yield Fact(not early, f"transformers before {since} has the class", claim="since")
    finite = bool(subject.hf.seen.logits.isfinite().all())
    yield Fact(finite, "HF's logits are not finite numbers", claim="tiny")


def _blamed(subject: Subject, reason: str) -> str:
    """The claim that an error is about: a key of the tiny model that it names, or the class.

    None of the spec's where the user has set that key to something else.
    """
    named = [key for key in subject.hf.settings if re.search(rf"\b{re.escape(key)}\b", reason)]
    key = max(named, key=len, default="")
    if key in subject.overrides:
        return ""
    return f"tiny.{key}" if key else "architecture"


@check("claims.model_type", "HF's config class has the spec's model type.")
def model_type(subject: Subject) -> Iterator[Evidence]:
    """TL chooses adapters by class name, users often by model type.

    Where the blocks are not there either, it is the class that is another.
    """
    claimed, found = subject.spec.hf_model_type, subject.hf.config.model_type
    text = f"HF's model_type is '{found}', not '{claimed}'"
    there = subject.hf.has(subject.spec.paths.blocks)
    yield Fact(claimed == found, text, claim="model_type" if there else "architecture")


@check("claims.paths", "Every path of the spec leads to a module of the declared kind.")
def paths(subject: Subject) -> Iterator[Evidence]:
    """Blocks are counted, and each part is looked up in every block."""
    hf, spec = subject.hf, subject.spec
    hf.require_model()
    top = spec.paths
    yield module_fact(hf, top.embed, nn.Embedding, "paths.embed")
    unembed = module_fact(hf, top.unembed, nn.Module, "paths.unembed")
    yield unembed
    if unembed.holds:
        text = f"HF's {top.unembed} returns something else than its weight makes of its input"
        yield Fact(probe.is_linear(hf, top.unembed), text, claim="paths.unembed")
    yield module_fact(hf, top.blocks, nn.ModuleList, "paths.blocks")
    yield _norm_like(hf, top.final_norm, "paths.final_norm")
    if spec.embedding_norm is not None:
        yield _norm_like(hf, spec.embedding_norm, "embedding_norm")
    if top.rotary is not None:
        yield module_fact(hf, top.rotary, nn.Module, "paths.rotary")
        turns = cosines_of(hf.call(top.rotary).output) is not None
        yield Fact(turns, f"{top.rotary} does not return cosines and sines", claim="paths.rotary")
    elif not subject.overrides:
        for path in _handing_all_positions(subject):
            yield Fact(False, f"HF's {path} computes the positions", claim="paths.rotary")
    for role, name in spec.block.norms.items():
        claim = of_blocks(subject.declared, hf.config, f"block.{role}")
        for number, path in subject.below(name):
            yield _norm_like(hf, path, claim, number)
    yield from attention_of(spec.attention).placed(subject)
    yield from mlp_of(spec.mlp).placed(subject)
    for claim, name in linear_layers(spec).items():
        for number, path in subject.below(name):
            yield module_fact(hf, path, nn.Linear, claim, number)


def _handing_all_positions(subject: Subject) -> Iterator[str]:
    """Modules that run at least once for every set of positions that layers are handed.

    More often where two kinds of layers are handed the same.
    """
    hf = subject.hf
    handed: list[Tensor] = []
    for layer in subject.layers.values():
        first = cosines_of(hf.call(layer).kwargs.get("position_embeddings"))
        if first is not None and not any(torch.equal(first, other) for other in handed):
            handed.append(first)
    for path, call in hf.seen.calls.items():
        given = call.value
        if not isinstance(given, Tensor) or hf.seen.runs[path] < len(handed):
            continue
        if any(torch.equal(given, cosines) for cosines in handed):
            yield path


@check("claims.blocks", "HF runs the blocks once, in order, between embedding and final norm.")
def blocks(subject: Subject) -> Iterator[Evidence]:
    """Follows the residual stream from module to module, by the tensors handed on."""
    hf, spec = subject.hf, subject.spec
    wanted = getattr(hf.config, count_of_layers(hf.config))
    text = f"HF has {len(subject.layers)} blocks there and runs {wanted} layers"
    yield Fact(len(subject.layers) == wanted, text, claim="paths.blocks")
    stream = hf.call(spec.paths.embed).value * _embedding_scale(subject)
    if spec.embedding_norm is not None:
        with torch.no_grad():
            stream = hf.module(spec.embedding_norm)(stream)
    for number, path in subject.layers.items():
        call = hf.call(path)
        same = hf.seen.runs[path] == 1 and largest_difference(call.input, stream) <= EXACT
        text = "does not read what the module before it returned"
        claim = "paths.blocks" if number else _entering(spec, call.input, stream)
        yield Fact(same, text, number, claim)
        stream = call.value
    norm, unembed = hf.call(spec.paths.final_norm), hf.call(spec.paths.unembed)
    reads = largest_difference(norm.input, stream) <= EXACT
    text = f"{spec.paths.final_norm} does not read the last block's output"
    yield Fact(reads, text, claim="paths.final_norm")
    normed = norm.value * subject.scale_ahead
    reads = largest_difference(unembed.input, normed) <= EXACT
    text = f"{spec.paths.unembed} does not read the output of {spec.paths.final_norm}"
    yield Fact(reads, text, claim="paths.unembed")


def _entering(spec: Spec, read: Tensor, stream: Tensor) -> str:
    """The claim about what the first block reads; what most models lack is the likelier mistake."""
    if spec.multipliers.embedding is not None or is_multiple(read, stream):
        return "multipliers.embedding"
    return "paths.embed" if spec.embedding_norm is None else "embedding_norm"


def _embedding_scale(subject: Subject) -> float:
    factor = subject.spec.multipliers.embedding
    return 1.0 if factor is None else value_of(factor, subject.hf.config)


def _norm_like(hf: HfModel, path: str, claim: str, layer: int | None = None) -> Fact:
    found = module_fact(hf, path, nn.Module, claim, layer)
    if not found.holds:
        return found
    module, width = hf.module(path), hf.dim
    shapes = {key: tuple(value.shape) for key, value in module.named_parameters()}
    is_norm = set(shapes.values()) <= {(width,)} and not list(module.children())
    return Fact(is_norm, f"HF's {path} has other than vectors of {width} numbers", layer, claim)
