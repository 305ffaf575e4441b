"""Do norms normalise as the spec says, and does each feed what it says?"""

from collections.abc import Iterator

from adaptergen.spec.attention import PerHeadQKNorm
from adaptergen.verify import probe
from adaptergen.verify.check import EXACT, Evidence, Fact, check, largest_difference
from adaptergen.verify.stages import head_dim
from adaptergen.verify.subject import Subject


@check("claims.norm", "Norms are of the declared kind, without offset and bias.", claim="norm.kind")
def norm(subject: Subject) -> Iterator[Evidence]:
    """By behaviour: RMSNorm does not care about scale, LayerNorm about shift neither."""
    spec, hf = subject.spec, subject.hf
    for number, path, width in _places(subject):
        module, shown = hf.module(path), path.rpartition(".")[2]
        kind = probe.norm_kind(module, width)
        text = f"HF's {shown} behaves like {kind}, not {spec.norm.normalization_type}"
        yield Fact(kind == spec.norm.normalization_type, text, number)
        rest = probe.norm_without_weight(module, width).abs().max()
        yield Fact(float(rest) == 0.0, f"HF's {shown} has an offset or a bias", number)


def _places(subject: Subject) -> Iterator[tuple[int | None, str, int]]:
    """Layer, path and width of every norm."""
    spec, hf = subject.spec, subject.hf
    yield None, spec.paths.final_norm, hf.dim
    for name in spec.block.norms.values():
        for number, path in subject.below(name):
            yield number, path, hf.dim
    norms = spec.attention.qk_norm
    if isinstance(norms, PerHeadQKNorm):
        for name in (norms.per_head.q, norms.per_head.k):
            for number, path in subject.below(f"{spec.attention.path}.{name}"):
                yield number, path, head_dim(hf, spec, subject.layers[number])


@check("claims.block", "Norms, attention and MLP of a block read and write as its topology says.")
def block(subject: Subject) -> Iterator[Evidence]:
    """Compares what one module returns in HF with what the next one is given."""
    spec, hf = subject.spec, subject.hf
    for number, path in subject.layers.items():
        layer = hf.call(path)
        ln1, ln2, attention, mlp = (
            hf.call(f"{path}.{name}")
            for name in (spec.block.ln1, spec.block.ln2, spec.attention.path, spec.mlp.path)
        )
        for claim, text, one, other in (
            ("block.ln1", f"{spec.block.ln1} does not read the residual", ln1.input, layer.input),
            ("block.ln1", f"{spec.block.ln1} does not feed attention", attention.input, ln1.value),
            (
                "block.topology",
                f"{spec.block.ln2} does not read the residual plus attention's output",
                ln2.input,
                layer.input + attention.value,
            ),
            ("block.ln2", f"{spec.block.ln2} does not feed the MLP", mlp.input, ln2.value),
            (
                "block.topology",
                "the block does not return the residual plus both outputs",
                layer.value,
                layer.input + attention.value + mlp.value,
            ),
        ):
            yield Fact(largest_difference(one, other) <= EXACT, f"in HF {text}", number, claim)
