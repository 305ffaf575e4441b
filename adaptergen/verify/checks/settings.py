"""Do the settings that TL's users switch on work, and does TL's config claim nothing foreign?"""

import copy
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import Difference, Evidence, Fact, check, largest_difference
from adaptergen.verify.subject import Subject


class _Setting(NamedTuple):
    """A method of the bridge that switches hooks on, those hooks, and what they show.

    `norm` says whose input they show, as a role of the block; none for hooks that are not compared.
    """

    method: str
    hooks: tuple[str, ...]
    norm: str = ""


_SETTINGS = (
    _Setting("set_use_hook_mlp_in", ("hook_mlp_in",), "ln2"),
    _Setting("set_use_attn_in", ("hook_attn_in",), "ln1"),
    _Setting("set_use_split_qkv_input", ("hook_q_input", "hook_k_input", "hook_v_input"), "ln1"),
    _Setting("set_use_attn_result", ("attn.hook_result",)),
)

# Flags of TL's config that a facet of the spec rules out, with the claim that does.
_FOREIGN = {
    "gated_q_proj": "attention.projections",
    "parallel_attn_mlp": "block.topology",
    "qk_norm_after_rope": "attention.qk_norm",
    "rmsnorm_uses_offset": "norm.kind",
    "rotary_adjacent_pairs": "attention.rope.pairing",
    "rotary_interleaved_cos_sin": "attention.rope.pairing",
}


@check("settings.hooks", "Hooks that are off by default fire once switched on.", claim="block")
def hooks(subject: Subject) -> Iterator[Evidence]:
    """They show HF's residual stream, change no logit, and leave HF's config as it was."""
    assert subject.trace is not None
    bridge = bridges.boot(subject.adapter, subject.hf)
    for setting in _SETTINGS:
        yield from _switched(subject, bridge, setting)


def _switched(subject: Subject, bridge: TransformerBridge, setting: _Setting) -> Iterator[Evidence]:
    hf_config: Any = bridge.original_model.config
    before = copy.deepcopy(vars(hf_config))
    switch = getattr(bridge, setting.method)
    switch(True)
    left_alone = vars(hf_config) == before
    yield Fact(left_alone, f"{setting.method}(True) writes into HF's config", claim="paths.blocks")
    trace = bridges.trace(bridge, subject.hf.batch(subject.hf.length))
    switch(False)
    difference = largest_difference(trace.logits, subject.hf.seen.logits)
    yield Difference(f"the output after {setting.method}(True)", difference)
    for number, path in subject.layers.items():
        for hook in setting.hooks:
            value = trace.values.get(f"blocks.{number}.{hook}")
            yield Fact(value is not None, f"{hook} does not fire", number)
            if value is not None and setting.norm:
                norm = subject.spec.block.norms[setting.norm]
                theirs = subject.hf.call(f"{path}.{norm}").input
                difference = largest_difference(value, _for_heads(theirs, value))
                yield Difference(hook, difference, number, f"block.{setting.norm}")


def _for_heads(stream: Tensor, value: Tensor) -> Tensor:
    """The residual stream [batch, pos, d_model], once for each head if the value has heads."""
    return stream if value.ndim == stream.ndim else stream.unsqueeze(2).expand_as(value)


@check("settings.warnings", "TL warns of nothing while it builds and runs the bridge.")
def silence(subject: Subject) -> Iterator[Evidence]:
    """A right adapter that makes TL warn teaches its users not to read warnings."""
    assert subject.trace is not None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bridge = bridges.boot(subject.adapter, subject.hf)
        bridges.logits(bridge, subject.hf.batch(subject.hf.length))
    said = sorted({" ".join(str(w.message).split()) for w in caught if _is_ours(subject, w)})
    yield Fact(not said, f"TL warns: {'; '.join(said)}")


def _is_ours(subject: Subject, warning: warnings.WarningMessage) -> bool:
    """Whether TL gave it, about itself or about the module that called it."""
    return warning.filename == subject.module_path or "transformer_lens" in warning.filename


@check("config.foreign", "TL's config claims nothing that belongs to other architectures.")
def foreign(subject: Subject) -> Iterator[Evidence]:
    """Some of these flags change nothing for this model, and still say what is not so."""
    config = subject.bridge.cfg
    for flag, claim in _FOREIGN.items():
        value = getattr(config, flag, False)
        yield Fact(not value, f"cfg.{flag} is {value!r}", claim=claim)
