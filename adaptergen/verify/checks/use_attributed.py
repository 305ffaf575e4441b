"""Do the parts of the residual stream, sent through W_U, add up to the logits?

Direct logit attribution rests on it: what a part contributes is what W_U makes of it.
"""

from collections.abc import Iterator
from typing import cast

from torch import Tensor
from transformer_lens.ActivationCache import ActivationCache
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.utilities.activation_functions import apply_softcap

from adaptergen.spec.processing import Invalid
from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import Difference, Evidence, check, largest_difference
from adaptergen.verify.checks.weights import PROCESSED
from adaptergen.verify.subject import Subject


@check(
    "use.attributed",
    "Embedding, attention and MLPs of all layers, through W_U, add up to the logits.",
    claim="multipliers.logits",
)
def attributed(subject: Subject) -> Iterator[Evidence]:
    """As they are, then scaled as HF's model does; in compatibility mode by W_U alone.

    A soft cap is no linear map, and comes afterwards in either.
    """
    bridge, theirs = subject.bridge, subject.hf.seen.logits
    parts = _parts(_cache(subject, bridge, subject.trace))
    ours = bridge.adapter.apply_output_logits_transform(_unembedded(bridge, parts))
    yield Difference("the sum of attributed logits", largest_difference(ours, theirs))
    processing = subject.spec.processing
    if isinstance(processing.compatibility_mode, Invalid):
        return
    bridge = subject.compatible
    cache = _cache(subject, bridge, bridges.trace(bridge, subject.hf.batch(subject.hf.length)))
    parts = _parts(cache)
    if isinstance(processing.fold_ln, Invalid):
        ours = _unembedded(bridge, parts)
    else:
        ours = cache.apply_ln_to_stack(parts).sum(0) @ bridge.W_U + bridge.b_U
    ours = apply_softcap(ours, bridge.cfg.output_logits_soft_cap).log_softmax(-1)
    difference = largest_difference(ours, theirs.log_softmax(-1))
    text = "the sum of log-probabilities attributed in compatibility mode"
    yield Difference(text, difference, tolerance=PROCESSED)


def _cache(subject: Subject, bridge: TransformerBridge, seen: bridges.Trace) -> ActivationCache:
    """The activations that hooks saw, and terms of the stream that no hook sees."""
    values = dict(seen.values)
    if subject.spec.embedding_norm is not None:
        values["hook_embed"] = values["blocks.0.hook_resid_pre"]
    if subject.spec.side_mlp is not None:
        for block in (f"blocks.{number}" for number in subject.layers):
            added = values[f"{block}.hook_resid_post"] - values[f"{block}.hook_resid_mid"]
            values[f"{block}.hook_mlp_out"] = added
    return ActivationCache(values, bridge)


def _parts(cache: ActivationCache) -> Tensor:
    """The terms of the residual stream [part, batch, pos, d_model]."""
    # With labels it returns a pair.
    return cast("Tensor", cache.decompose_resid())


def _unembedded(bridge: TransformerBridge, parts: Tensor) -> Tensor:
    """The sum of what W_U makes of the terms of the residual stream."""
    normed: Tensor = bridge.ln_final(parts.sum(0))
    return normed @ bridge.W_U + bridge.b_U
