"""Are TL's views of the weights HF's weights, and does processing keep the model's function?"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformer_lens.conversion_utils.param_processing_conversion import ParamProcessingConversion

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
from adaptergen.verify.stages import head_dim
from adaptergen.verify.subject import Subject

# TL computes parts of the processing in float32.
PROCESSED = 1e-5

_ROLES = {"q": "Q", "k": "K", "v": "V", "o": "O"}


@check("weights.attention", "W_Q, W_K, W_V, W_O and their biases are HF's, by head.")
def attention(subject: Subject) -> Iterator[Evidence]:
    """W_Q is [head, d_model, d_head], W_O [head, d_head, d_model]."""
    for number, path in subject.layers.items():
        block = subject.bridge.blocks[number]
        for role, name in _projections(subject, path).items():
            module, claim = subject.hf.module(name), f"attention.projections.{role}"
            theirs = by_head(subject, role, module.weight)
            ours = getattr(block.attn, f"W_{_ROLES[role]}")
            difference = largest_difference(ours, theirs)
            yield Difference(f"W_{_ROLES[role]}", difference, number, claim)
            if module.bias is not None:
                theirs = by_head(subject, role, module.bias)
                ours = getattr(block.attn, f"b_{_ROLES[role]}")
                claim = f"attention.bias.{role}"
                difference = largest_difference(ours, theirs)
                yield Difference(f"b_{_ROLES[role]}", difference, number, claim)


@check("weights.mlp", "W_gate, W_in, W_out and their biases are HF's, transposed.")
def mlp(subject: Subject) -> Iterator[Evidence]:
    """W_in is [d_model, d_mlp], W_out [d_mlp, d_model]."""
    spec = subject.spec.mlp
    for number, path in subject.below(spec.path):
        block = subject.bridge.blocks[number]
        for role, name in (("gate", spec.gate), ("in", spec.in_), ("out", spec.out)):
            module = subject.hf.module(f"{path}.{name}")
            ours: Tensor = getattr(block.mlp, f"W_{role}")
            difference = largest_difference(ours, module.weight.T)
            yield Difference(f"W_{role}", difference, number, f"mlp.{role}")
            # TL has no name for the gate's bias.
            if module.bias is not None and role != "gate":
                difference = largest_difference(getattr(block.mlp, f"b_{role}"), module.bias)
                yield Difference(f"b_{role}", difference, number, f"mlp.bias.{role}")


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

    One of a bias that HF never has may be missing, but not wrong.
    """
    found = subject.bridge.adapter.weight_processing_conversions or {}
    for role, kind in [(r, "weight") for r in _ROLES] + [(r, "bias") for r in "qkv"]:
        key = f"blocks.{{i}}.attn.{role}.{kind}"
        conversion = found.get(key)
        needed = kind == "weight" or getattr(subject.spec.attention.bias, role) is not False
        exists = isinstance(conversion, ParamProcessingConversion)
        yield Fact(exists or not needed, f"the adapter has no conversion for {key}")
        if isinstance(conversion, ParamProcessingConversion):
            weight = subject.hf.module(_projections(subject, subject.layers[0])[role]).weight
            # Numbered, so that the check does not depend on whether this config has biases.
            value = weight if kind == "weight" else torch.arange(float(len(weight)))
            ours = conversion.convert({key: value}, key)
            difference = largest_difference(ours, by_head(subject, role, value))
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
    ours = subject.compatible_logits(subject.hf.batch(subject.hf.length))
    theirs = subject.hf.seen.logits
    difference = largest_difference(ours.log_softmax(-1), theirs.log_softmax(-1))
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
    places: list[tuple[int | None, str, Any]] = [(None, "ln_final", bridge.ln_final)]
    for number in subject.layers:
        block = bridge.blocks[number]
        places += [(number, role, getattr(block, role)) for role in subject.spec.block.norms]
    for layer, role, module in places:
        weight = module.weight
        folded = bool((weight == 1).all())
        yield Fact(folded, f"the weight of {role} was not folded into what reads it", layer)


def by_head(subject: Subject, role: str, value: Tensor) -> Tensor:
    """A projection's weight or bias as TL has it, split by head."""
    size = head_dim(subject.hf, subject.spec, subject.layers[0])
    if role == "o":
        if value.ndim == 1:
            return value
        return value.reshape(len(value), -1, size).permute(1, 2, 0)
    heads = value.reshape(-1, size, *value.shape[1:])
    return heads.transpose(1, 2) if value.ndim == 2 else heads


def _projections(subject: Subject, layer: str) -> dict[str, str]:
    spec = subject.spec.attention
    return {r: f"{layer}.{spec.path}.{name}" for r, name in spec.projections.modules.items()}


def _require_compatibility(subject: Subject) -> None:
    validity = subject.spec.processing.compatibility_mode
    if isinstance(validity, Invalid):
        raise NotApplicableError(f"the spec declares it invalid: {validity.invalid}")
