"""Are TL's views of the weights HF's weights, and does processing keep the model's function?"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformer_lens.conversion_utils.param_processing_conversion import ParamProcessingConversion

from adaptergen.components.attention.spec import HeadedAttention
from adaptergen.components.mlp.probe import probe_of
from adaptergen.spec.model import Spec
from adaptergen.spec.processing import Invalid
from adaptergen.verify.check import (
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.divergence import traced
from adaptergen.verify.heads import head_dim, headed, rows
from adaptergen.verify.subject import Subject

# TL computes parts of the processing in float32.
PROCESSED = 1e-5

_ROLES = {"q": "Q", "k": "K", "v": "V", "o": "O"}


@check("weights.attention", "W_Q, W_K, W_V, W_O and their biases are HF's, by head.")
def attention(subject: Subject) -> Iterator[Evidence]:
    """W_Q is [head, d_model, d_head], W_O [head, d_head, d_model]."""
    for number, path in subject.layers.items():
        block = subject.bridge.blocks[number]
        for role in _ROLES:
            module = _projection(subject, path, role)
            theirs = by_head(subject, path, role, module.weight)
            ours = getattr(block.attn, f"W_{_ROLES[role]}")
            difference = largest_difference(ours, theirs)
            yield Difference(f"W_{_ROLES[role]}", difference, number, _claim(subject, role))
            if module.bias is not None:
                theirs = by_head(subject, path, role, module.bias)
                ours = getattr(block.attn, f"b_{_ROLES[role]}")
                claim = f"attention.bias.{role}"
                difference = largest_difference(ours, theirs)
                yield Difference(f"b_{_ROLES[role]}", difference, number, claim)


@check("weights.mlp", "W_gate, W_in, W_out and their biases are HF's, transposed.")
def mlp(subject: Subject) -> Iterator[Evidence]:
    """W_in is [d_model, d_mlp], W_out [d_mlp, d_model]."""
    if unnamed := probe_of(subject.spec.mlp).unnamed:
        raise NotApplicableError(unnamed)
    for number, path in subject.below(subject.spec.mlp.path):
        block = subject.bridge.blocks[number]
        for role, claim, weight, bias in _mlp_weights(subject, path):
            ours: Tensor = getattr(block.mlp, f"W_{role}")
            difference = largest_difference(ours, weight.T)
            yield Difference(f"W_{role}", difference, number, f"mlp.{claim}")
            # TL has no name for the gate's bias.
            if bias is not None and role != "gate":
                difference = largest_difference(getattr(block.mlp, f"b_{role}"), bias)
                yield Difference(f"b_{role}", difference, number, f"mlp.bias.{claim}")


def _mlp_weights(subject: Subject, path: str) -> Iterator[tuple[str, str, Tensor, Tensor | None]]:
    """Role, claim, weight [out, in] and bias [out] of each projection; fused ones in parts."""
    for role, name in subject.spec.mlp.modules.items():
        module = subject.hf.module(f"{path}.{name}")
        parts = probe_of(subject.spec.mlp).shares(role)
        weights = module.weight.chunk(len(parts))
        biases = [None] * len(parts) if module.bias is None else module.bias.chunk(len(parts))
        for part, weight, bias in zip(parts, weights, biases, strict=True):
            yield part, role, weight, bias


@check("weights.embedding", "W_E and W_U are HF's embedding and unembedding.")
def embedding(subject: Subject) -> Iterator[Evidence]:
    """HF's side is what it names its input and output embeddings."""
    model, bridge = subject.hf.model, subject.bridge
    theirs = model.get_input_embeddings().weight
    yield Difference("W_E", largest_difference(bridge.W_E, theirs), claim="paths.embed")
    theirs = model.get_output_embeddings().weight.T
    yield Difference("W_U", largest_difference(bridge.W_U, theirs), claim="paths.unembed")


@check(
    "weights.conversions",
    "The adapter's conversions split weights and biases by head as HF does.",
    claim="attention.heads",
)
def conversions(subject: Subject) -> Iterator[Evidence]:
    """Weight processing reads parameters through them; nothing else does.

    There is none of a bias that HF never has.
    """
    headed(subject.spec)
    layer, adapter = subject.layers[0], subject.bridge.adapter
    converted = adapter.weight_processing_conversions or {}
    found = {**getattr(adapter, "withheld", {}), **converted}
    for role, kind in [(r, "weight") for r in _ROLES] + [(r, "bias") for r in "qkv"]:
        key = f"blocks.{{i}}.attn.{role}.{kind}"
        # TL takes a name without its end for the weight's.
        short = key.removesuffix(".weight")
        key = short if short in found else key
        projection = _projection(subject, layer, role)
        conversion = found.get(key)
        needed = kind == "weight" or subject.spec.attention.biases[role] is not False
        exists = isinstance(conversion, ParamProcessingConversion)
        text = f"has no conversion for {key}" if needed else f"converts {key}, which HF never has"
        yield Fact(exists == needed, f"the adapter {text}")
        split = key in converted or getattr(projection, kind) is None
        yield Fact(split, f"the adapter withholds the conversion of {key}, which HF has")
        if isinstance(conversion, ParamProcessingConversion):
            weight = projection.weight
            # Numbered, so that the check does not depend on whether this config has biases.
            value = weight if kind == "weight" else torch.arange(float(len(weight)))
            part = _of_role(subject, layer, role, value)
            ours = conversion.convert({key: part}, key)
            difference = largest_difference(ours, by_head(subject, layer, role, value))
            yield Difference(f"the conversion of {key}", difference)


@check(
    "weights.compatibility",
    "Log-probabilities equal HF's after folding and centring.",
    claim="processing.compatibility_mode",
    tolerance=PROCESSED,
)
def compatibility(subject: Subject) -> Iterator[Evidence]:
    """Logits may shift by a constant, log-probabilities may not."""
    _require_compatibility(subject)
    difference = subject.compatible_difference()
    claim = "processing.compatibility_mode"
    yield traced(subject, "log-probability in compatibility mode", difference, claim=claim)


@check(
    "weights.folding",
    "Compatibility mode folds the weight of every norm into what reads it.",
    claim="processing.fold_ln",
)
def folding(subject: Subject) -> Iterator[Evidence]:
    """A weight that stays behind means that TL was told of no reader."""
    _require_compatibility(subject)
    validity = subject.spec.processing.fold_ln
    if isinstance(validity, Invalid):
        raise NotApplicableError(f"the spec declares it invalid: {validity.invalid}")
    bridge = subject.compatible
    neutral = 0 if subject.spec.norm.weight == "offset" else 1
    places: list[tuple[int | None, str, Any]] = [(None, "ln_final", bridge.ln_final)]
    left = _left_alone(subject.spec)
    for number in subject.layers:
        block = bridge.blocks[number]
        roles = (role for role in subject.spec.block.norms if not role.endswith("_post"))
        before = [role for role in roles if role not in left]
        places += [(number, role, getattr(block, role)) for role in before]
    for layer, role, module in places:
        weight = getattr(module, "weight", None)
        folded = weight is None or bool((weight == neutral).all())
        yield Fact(folded, f"the weight of {role} was not folded into what reads it", layer)


def _left_alone(spec: Spec) -> set[str]:
    """Norms that TL leaves as they are.

    It folds into projections to heads and, but for biases, into experts.
    """
    found = {"ln1"} if not isinstance(spec.attention, HeadedAttention) else set()
    return found | ({"ln2"} if probe_of(spec.mlp).keeps_norm(spec) else set())


def by_head(subject: Subject, layer: str, role: str, value: Tensor) -> Tensor:
    """The weight or bias of q, k, v or o as TL has it, split by head."""
    size = head_dim(subject.hf, subject.spec, layer)
    if role == "o":
        if value.ndim == 1:
            return value
        return value.reshape(len(value), -1, size).permute(1, 2, 0)
    heads = value[rows(subject.hf, subject.spec, layer)[role]]
    return heads.transpose(1, 2) if value.ndim == 2 else heads


def _of_role(subject: Subject, layer: str, role: str, value: Tensor) -> Tensor:
    """The part of a projection's weight or bias that belongs to q, k or v; all of it for o."""
    return value if role == "o" else value[rows(subject.hf, subject.spec, layer)[role].flatten()]


def _projection(subject: Subject, layer: str, role: str) -> Any:
    """HF's module that computes q, k, v or o."""
    spec = headed(subject.spec)
    return subject.hf.module(f"{layer}.{spec.path}.{spec.projections.module_of(role)}")


def _claim(subject: Subject, role: str) -> str:
    named = role in headed(subject.spec).projections.modules
    return f"attention.projections.{role if named else 'layout'}"


def _require_compatibility(subject: Subject) -> None:
    validity = subject.spec.processing.compatibility_mode
    if isinstance(validity, Invalid):
        raise NotApplicableError(f"the spec declares it invalid: {validity.invalid}")
