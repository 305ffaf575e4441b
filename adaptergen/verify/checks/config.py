"""Does TL's config say what the HF model is? Few of its flags show in the logits."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from adaptergen.components.attention.probe import probe_of as attention_of
from adaptergen.components.attention.spec import HeadedAttention
from adaptergen.components.mlp.probe import probe_of as mlp_of
from adaptergen.spec.processing import Valid
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.components import made
from adaptergen.verify.declared import accepted
from adaptergen.verify.heads import head_counts, head_dim
from adaptergen.verify.hf import unfilled
from adaptergen.verify.once import one_line
from adaptergen.verify.perturb import shown
from adaptergen.verify.structure import structures
from adaptergen.verify.subject import Subject


@check("config.flags", "TL's config flags say what the claims and probing HF show.")
def flags(subject: Subject) -> Iterator[Evidence]:
    """Weight processing and analyses read these flags, the forward pass only some.

    Some belong to other architectures; set, they would say what is not so.
    """
    config = subject.bridge.cfg
    for flag, expected, claim in (*_norm_flags(subject), *_other_flags(subject)):
        found = getattr(config, flag, False)
        yield Fact(found == expected, f"cfg.{flag} is {found!r}, not {expected!r}", claim=claim)


@check("config.processing", "The adapter allows the processing steps that the spec calls valid.")
def processing(subject: Subject) -> Iterator[Evidence]:
    """TL leaves out the steps that an adapter does not allow."""
    yield from _allowed(subject, subject.bridge.adapter, subject.hf.config)


@check("config.conditions", "So it does with each boolean config key flipped: a key may decide.")
def conditions(subject: Subject) -> Iterator[Evidence]:
    """The adapter prepares HF's model of each such config, but for those that the spec refuses."""
    subject.require_bridge()
    for built in accepted(subject.spec, structures(subject.hf)[1:]):
        setting = f"with {shown(built.changes)}"
        model = unfilled(subject.architecture, copy.deepcopy(built.config))
        try:
            adapter = made(subject.adapter, subject.architecture, model)
            adapter.prepare_model(model)
        except Exception as error:
            reason = one_line(error, subject.module_path)
            yield Fact(False, f"{setting}, the adapter cannot prepare HF's model: {reason}")
            continue
        for fact in _allowed(subject, adapter, built.config):
            yield replace(fact, message=f"{setting}, {fact.message}")


def _allowed(subject: Subject, adapter: Any, config: Any) -> list[Fact]:
    """Whether the adapter allows the steps that the spec calls valid under an HF config."""
    spec, facts = subject.spec_under(config), []
    for step in type(spec.processing).model_fields:
        valid = isinstance(getattr(spec.processing, step), Valid)
        allowed = getattr(adapter, f"supports_{step}", True)
        text = f"the adapter's supports_{step} is {allowed}, not {valid}"
        facts.append(Fact(allowed == valid, text, claim=f"processing.{step}"))
    return facts


@check("config.sizes", "TL's config has HF's sizes.")
def sizes(subject: Subject) -> Iterator[Evidence]:
    """HF's side is the shapes of its weights."""
    hf, config = subject.hf, subject.bridge.cfg
    for name, found, expected, claim in (
        ("d_model", config.d_model, hf.dim, "paths.embed"),
        ("n_layers", config.n_layers, len(subject.layers), "paths.blocks"),
        *_head_counts(subject),
        *_head_size(subject),
        *_hidden_size(subject),
        ("d_vocab", config.d_vocab, hf.seen.logits.shape[-1], "paths.unembed"),
    ):  # fmt: skip
        yield Fact(found == expected, f"cfg.{name} is {found}, not {expected}", claim=claim)


def _head_counts(subject: Subject) -> Iterator[tuple[str, int, int, str]]:
    """Numbers of heads, where attention is not one piece."""
    spec, config = subject.spec, subject.bridge.cfg
    if attention_of(spec.attention).without_parts:
        return
    query, key_value = head_counts(subject.hf.config, spec)
    yield "n_heads", config.n_heads, query, "attention.heads.query"
    # TL leaves it unset where every query head has its own keys and values.
    found = config.n_key_value_heads or config.n_heads
    yield "n_key_value_heads", found, key_value, "attention.heads.key_value"


def _head_size(subject: Subject) -> Iterator[tuple[str, int | None, int, str]]:
    """Size of a head, where queries, keys and values have the same."""
    spec = subject.spec
    if isinstance(spec.attention, HeadedAttention):
        size = head_dim(subject.hf, spec, subject.layers[0])
        yield "d_head", subject.bridge.cfg.d_head, size, "attention.heads.head_dim"


def _hidden_size(subject: Subject) -> Iterator[tuple[str, int | None, int, str]]:
    """The width of the MLP, or what else its kind counts."""
    for name, size, claim in mlp_of(subject.spec.mlp).sizes(subject):
        yield name, getattr(subject.bridge.cfg, name, 0), size, claim


def _norm_flags(subject: Subject) -> Iterator[tuple[str, object, str]]:
    hf, spec = subject.hf, subject.spec
    first = next(iter(spec.block.norms.values()))
    kinds = {
        place: probe.norm_kind(hf.module(path), hf.call(path).input)
        for place, path in (
            ("inside", f"{subject.layers[0]}.{first}"), ("final", spec.paths.final_norm)
        )
    }  # fmt: skip
    yield "normalization_type", kinds["inside"], "norm.kind"
    yield "uses_rms_norm", kinds["inside"] == "RMS", "norm.kind"
    yield "final_rms", kinds["final"] == "RMS", "norm.kind"
    yield "rmsnorm_uses_offset", spec.norm.weight == "offset", "norm.weight"
    if spec.norm.eps is not None:
        yield "eps", getattr(hf.config, spec.norm.eps, None), "norm.eps"


def _other_flags(subject: Subject) -> Iterator[tuple[str, object, str]]:
    hf, spec = subject.hf, subject.spec
    yield "parallel_attn_mlp", spec.block.parallel, "block.topology"
    yield "gated_mlp", spec.mlp.gated, "mlp.kind"
    yield "attn_only", f"{subject.layers[0]}.{spec.mlp.path}" not in hf.seen.calls, "mlp.path"
    yield from attention_of(spec.attention).flags(subject)
    theta = getattr(hf.config, "rope_parameters", None) or {}
    if "rope_theta" in theta:
        yield "rotary_base", theta["rope_theta"], "attention.rope"
    yield "gated_q_proj", False, "attention.projections"
    yield "default_prepend_bos", spec.tokenizer.prepend_bos, "tokenizer.prepend_bos"
    yield "default_padding_side", spec.tokenizer.padding_side, "tokenizer.padding_side"
    yield "attn_implementation", subject.attention_implementation, "attention.fused"
