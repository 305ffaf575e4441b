"""Does TL's config say what the HF model is? Few of its flags show in the logits."""

from collections.abc import Iterator

from adaptergen.spec.processing import Invalid
from adaptergen.verify import probe
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.stages import head_dim
from adaptergen.verify.subject import Subject


@check("config.flags", "TL's config flags say what probing HF shows.")
def flags(subject: Subject) -> Iterator[Evidence]:
    """Weight processing and analyses read these flags, the forward pass hardly any."""
    config, spec = subject.bridge.cfg, subject.spec
    for flag, expected, claim in (
        *_norm_flags(subject),
        *_block_flags(subject),
        ("default_prepend_bos", spec.tokenizer.prepend_bos, "tokenizer.prepend_bos"),
        ("default_padding_side", spec.tokenizer.padding_side, "tokenizer.padding_side"),
        ("attn_implementation", "eager", "attention.kind"),
    ):
        found = getattr(config, flag, None)
        yield Fact(found == expected, f"cfg.{flag} is {found!r}, not {expected!r}", claim=claim)


@check("config.processing", "The adapter allows the processing steps that the spec calls valid.")
def processing(subject: Subject) -> Iterator[Evidence]:
    """TL leaves out the steps that an adapter does not allow."""
    for step in type(subject.spec.processing).model_fields:
        valid = not isinstance(getattr(subject.spec.processing, step), Invalid)
        allowed = getattr(subject.bridge.adapter, f"supports_{step}", True)
        text = f"the adapter's supports_{step} is {allowed}, not {valid}"
        yield Fact(allowed == valid, text, claim=f"processing.{step}")


@check("config.sizes", "TL's config has HF's sizes.")
def sizes(subject: Subject) -> Iterator[Evidence]:
    """HF's side is the shapes of its weights."""
    hf, spec, config = subject.hf, subject.spec, subject.bridge.cfg
    first = subject.layers[0]
    size = head_dim(hf, spec, first)
    keys = f"{first}.{spec.attention.path}.{spec.attention.projections.k}"
    queries = f"{first}.{spec.attention.path}.{spec.attention.projections.q}"
    heads = hf.call(queries).value.shape[-1] // size
    key_value = hf.call(keys).value.shape[-1] // size
    hidden = f"{first}.{spec.mlp.path}.{spec.mlp.in_}"
    for name, found, expected, claim in (
        ("d_model", config.d_model, hf.dim, "paths.embed"),
        ("n_layers", config.n_layers, len(subject.layers), "paths.blocks"),
        ("n_heads", config.n_heads, heads, "attention.heads.query"),
        # TL leaves it unset where every query head has its own keys and values.
        ("n_key_value_heads", config.n_key_value_heads or config.n_heads, key_value,
         "attention.heads.key_value"),
        ("d_head", config.d_head, size, "attention.heads.head_dim"),
        ("d_mlp", config.d_mlp, hf.call(hidden).value.shape[-1], "mlp.in"),
        ("d_vocab", config.d_vocab, hf.seen.logits.shape[-1], "paths.unembed"),
    ):  # fmt: skip
        yield Fact(found == expected, f"cfg.{name} is {found}, not {expected}", claim=claim)


def _norm_flags(subject: Subject) -> Iterator[tuple[str, object, str]]:
    hf, spec = subject.hf, subject.spec
    inner = hf.module(f"{subject.layers[0]}.{spec.block.ln1}")
    kind = probe.norm_kind(inner, hf.dim)
    final = probe.norm_kind(hf.module(spec.paths.final_norm), hf.dim)
    yield "normalization_type", kind, "norm.kind"
    yield "uses_rms_norm", kind == "RMS", "norm.kind"
    yield "final_rms", final == "RMS", "norm.kind"


def _block_flags(subject: Subject) -> Iterator[tuple[str, object, str]]:
    hf, spec = subject.hf, subject.spec
    mlp = f"{subject.layers[0]}.{spec.mlp.path}"
    gated = probe.gated_by(hf, mlp, f"{mlp}.{spec.mlp.gate}", f"{mlp}.{spec.mlp.in_}")
    yield "gated_mlp", gated, "mlp.kind"
    yield "attn_only", mlp not in hf.seen.calls, "mlp.path"
    # A config under which no layer rotates does not show how positions are embedded.
    if any(probe.rotates(hf, path) for path in subject.layers.values()):
        yield "positional_embedding_type", "rotary", "attention.rope"
