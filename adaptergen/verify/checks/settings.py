"""Do the settings that TL's users switch on work?"""

import copy
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from adaptergen.components.attention.probe import probe_of as attention_of
from adaptergen.spec.block import SharedNorm
from adaptergen.spec.model import Spec
from adaptergen.targets.transformer_lens import support
from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import (
    ROUNDED,
    Difference,
    Evidence,
    Fact,
    NotApplicableError,
    check,
    largest_difference,
)
from adaptergen.verify.hf import Batch
from adaptergen.verify.subject import Subject


class _Setting(NamedTuple):
    """A method of the bridge that switches hooks on, those hooks, and what they show.

    They show what the module of this role is given; hooks without a role are not compared.
    """

    method: str
    hooks: tuple[str, ...]
    role: str = ""


_SETTINGS = (
    _Setting("set_use_hook_mlp_in", ("hook_mlp_in",), "ln2"),
    _Setting("set_use_attn_in", ("hook_attn_in",), "ln1"),
    _Setting("set_use_split_qkv_input", ("hook_q_input", "hook_k_input", "hook_v_input"), "ln1"),
    _Setting("set_use_attn_result", ("attn.hook_result",)),
)


@check("settings.hooks", "Hooks that are off by default fire once switched on.", claim="block")
def hooks(subject: Subject) -> Iterator[Evidence]:
    """They show HF's residual stream, change no logit, and leave HF's config as it was.

    What attention is handed acts as it does then, whether those hooks are listened to or not.
    """
    subject.require_pass()
    bridge = subject.boot()
    missing = _not_supported(subject.spec)
    settings = [setting for setting in _SETTINGS if setting.method not in missing]
    if not settings:
        raise NotApplicableError("TL has such hooks neither for HF's own attention nor one norm")
    for setting in settings:
        yield from _switched(subject, bridge, setting)


def _switched(subject: Subject, bridge: TransformerBridge, setting: _Setting) -> Iterator[Evidence]:
    hf_config: Any = bridge.original_model.config
    before = copy.deepcopy(vars(hf_config))
    switch = getattr(bridge, setting.method)
    switch(True)
    left_alone = vars(hf_config) == before
    yield Fact(left_alone, f"{setting.method}(True) writes into HF's config", claim="paths.blocks")
    trace = bridges.trace(bridge, subject.hf.batch(subject.hf.length))
    yield from _alike(subject, bridge, setting)
    switch(False)
    difference = largest_difference(trace.logits, subject.hf.seen.logits)
    yield Difference(f"the output after {setting.method}(True)", difference)
    for number, path in subject.layers.items():
        for hook in setting.hooks:
            value = trace.values.get(f"blocks.{number}.{hook}")
            yield Fact(value is not None, f"{hook} does not fire", number)
            if value is not None and setting.role:
                theirs = subject.hf.call(f"{path}.{_reader(subject.spec, setting.role)}").input
                difference = largest_difference(value, _for_heads(theirs, value))
                yield Difference(hook, difference, number, f"block.{setting.role}")


def _alike(subject: Subject, bridge: TransformerBridge, setting: _Setting) -> Iterator[Evidence]:
    """Whether an edit acts alike with and without somebody who listens."""
    point = bridge.hook_dict.get(f"blocks.0.{setting.hooks[0]}")
    if point is None:
        return
    batch, edited = Batch(subject.few_ids), "blocks.0.attn.hook_in"
    alone = bridges.edited_logits(bridge, batch, edited, torch.neg)
    with bridges.hooked(point):
        found = bridges.edited_logits(bridge, batch, edited, torch.neg)
    text = f"after {setting.method}(True) an edit of attn.hook_in acts otherwise once"
    acts = largest_difference(found, alone) < ROUNDED
    yield Fact(acts, f"{text} {setting.hooks[0]} is listened to")


def _not_supported(spec: Spec) -> list[str]:
    """Settings for which TL has no hooks here."""
    # TL catches the input of the MLP's branch at ln2, or at the MLP behind attention.
    found = ["set_use_hook_mlp_in"] if isinstance(spec.block, SharedNorm) else []
    return [*found, *attention_of(spec.attention).settings_lacking]


def _reader(spec: Spec, role: str) -> str:
    """Readers of the residual stream on the way to attention or the MLP: a norm, or these."""
    direct = {"ln1": spec.attention.path, "ln2": spec.mlp.path}
    return spec.block.norms.get(role, direct[role])


def _for_heads(stream: Tensor, value: Tensor) -> Tensor:
    """The residual stream [batch, pos, d_model], once for each head if the value has heads."""
    return stream if value.ndim == stream.ndim else stream.unsqueeze(2).expand_as(value)


@check("settings.warnings", "TL warns of nothing while it builds and runs the bridge.")
def silence(subject: Subject) -> Iterator[Evidence]:
    """A right adapter that makes TL warn teaches its users not to read warnings."""
    subject.require_pass()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bridge, batch = subject.boot(), subject.hf.batch(subject.hf.length)
        bridges.logits(bridge, batch)
        with bridges.observed(bridge):
            bridges.logits(bridge, batch)
    said = sorted({" ".join(str(w.message).split()) for w in caught if _is_ours(subject, w)})
    yield Fact(not said, f"TL warns: {'; '.join(said)}")


def _is_ours(subject: Subject, warning: warnings.WarningMessage) -> bool:
    """Whether TL gave it, about itself or what called it: the adapter's modules, or torch."""
    if warning.filename in (subject.module_path, nn.modules.module.__file__):
        return True
    return "transformer_lens" in warning.filename or warning.filename.endswith(support.FILES)
