"""Do norms normalise as the spec says, and does each read and feed what it says?"""

from collections.abc import Iterator

from torch import Tensor

from adaptergen.components.attention.probe import probe_of as attention_of
from adaptergen.components.attention.qk_norm import HeadModulesQKNorm
from adaptergen.components.mlp.probe import probe_of as mlp_of
from adaptergen.verify import probe
from adaptergen.verify.blame import is_multiple, of_blocks
from adaptergen.verify.call import Call
from adaptergen.verify.check import EXACT, Evidence, Fact, check, largest_difference
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.stage import Layer
from adaptergen.verify.structure import decided
from adaptergen.verify.subject import Subject

# As behaviour is called that shows a kind of norm.
_SHOWN = {"rms": "RMS", "layer": "LN"}


@check("claims.norm", "Norms are of the declared kind, with the declared weight and bias.")
def norm(subject: Subject) -> Iterator[Evidence]:
    """By behaviour: RMSNorm does not care about scale, LayerNorm about shift neither."""
    spec, hf = subject.spec, subject.hf
    claimed = _SHOWN[spec.norm.kind]
    for claim, number, path in _places(subject):
        module, shown, given = hf.module(path), path.rpartition(".")[2], hf.call(path).input
        kind = probe.norm_kind(module, given)
        text = f"HF's {shown} behaves like {kind}, not {claimed}"
        # What does not normalise at all is no norm of any kind.
        blamed = claim if kind == "none" else "norm.kind"
        yield Fact(kind == claimed, text, number, blamed)
        weight, bias = probe.norm_parameters(module, given)
        text = f"the weight of HF's {shown} is '{weight}', not '{spec.norm.weight}'"
        yield Fact(weight == spec.norm.weight, text, number, "norm.weight")
        text = f"HF's {shown} has {'a' if bias else 'no'} bias"
        yield Fact(bias == spec.norm.bias, text, number, "norm.bias")


def _places(subject: Subject) -> Iterator[tuple[str, int | None, str]]:
    """Claim, layer and path of every norm."""
    spec = subject.spec
    yield "paths.final_norm", None, spec.paths.final_norm
    if spec.embedding_norm is not None:
        yield "embedding_norm", None, spec.embedding_norm
    below = {f"block.{role}": name for role, name in spec.block.norms.items()}
    for claim, name in (*below.items(), *_inside(subject)):
        said = of_blocks(subject.declared, subject.hf.config, claim)
        yield from ((said, number, path) for number, path in subject.below(name))
    norms = spec.attention.qk_norm.norms
    alike = not isinstance(spec.attention.qk_norm, HeadModulesQKNorm)
    if norms is not None and alike and decided(subject.hf.config, norms.present):
        for name in (norms.q, norms.k):
            for number, path in subject.below(f"{spec.attention.path}.{name}"):
                yield "attention.qk_norm", number, path


def _inside(subject: Subject) -> Iterator[tuple[str, str]]:
    """Claims and paths of norms inside of attention and MLP, but for those of queries and keys."""
    yield from attention_of(subject.spec.attention).norms(subject.hf.config)
    yield from mlp_of(subject.spec.mlp).norms()


@check("claims.block", "Norms, attention and MLP of a block read and write as its topology says.")
def block(subject: Subject) -> Iterator[Evidence]:
    """Compares what one module returns in HF with what the next one is given."""
    for number, path in subject.layers.items():
        layer = Layer(subject.hf, subject.spec, path, number)
        for claim, text, found, expected in _flow(layer):
            equal = largest_difference(found, expected) <= EXACT
            if not equal:
                claim = _other_layout(subject, path) or claim
            if claim == "block.topology" and _is_scaled(layer, found, expected):
                claim = "multipliers.residual"
            claim = of_blocks(subject.declared, subject.hf.config, claim)
            yield Fact(equal, f"in HF {text}", number, claim)


def _other_layout(subject: Subject, path: str) -> str:
    """The claim on when blocks have another layout, if they have it; empty if they have none."""
    for number, layout in enumerate(subject.declared.layouts):
        spec = subject.spec.model_copy(update={"block": layout.block})
        try:
            flow = [*_flow(Layer(subject.hf, spec, path, 0))]
        except (LookupError, UnavailableError):
            # It lacks the norms of this one.
            continue
        if all(largest_difference(found, expected) <= EXACT for *_, found, expected in flow):
            return f"layouts.{number}.when"
    return ""


def _is_scaled(layer: Layer, found: Tensor, expected: Tensor) -> bool:
    """Whether more or less of the same is added to the residual than a spec says."""
    residual = layer.call().input
    added = expected - residual
    return found.shape == residual.shape and is_multiple(found - residual, added)


def _flow(layer: Layer) -> Iterator[tuple[str, str, Tensor, Tensor]]:
    """Each tensor that is handed on inside a block: claim, what is wrong, found and expected."""
    spec, norms, scale = layer.spec, layer.spec.block.norms, layer.residual_scale
    called: dict[str, Call] = {role: layer.call(name) for role, name in norms.items()}
    stream, attention, mlp = (layer.call(p) for p in ("", spec.attention.path, spec.mlp.path))
    into = stream.input
    if "ln1" in norms:
        yield "block.ln1", f"{norms['ln1']} does not read the residual", called["ln1"].input, into
        into = called["ln1"].value
    reader = norms.get("ln1", "the residual")
    yield _claim(norms, "ln1"), f"{reader} does not feed attention", attention.input, into
    added = attention.value
    if "ln1_post" in norms:
        text = f"{norms['ln1_post']} does not read attention's output"
        yield "block.ln1_post", text, called["ln1_post"].input, added
        added = called["ln1_post"].value
    middle = stream.input + scale * added
    total = "block.topology" if spec.multipliers.residual is None else "multipliers.residual"
    parallel = spec.block.parallel
    into = stream.input if parallel else middle
    if "ln2" in norms:
        what = "the residual" if parallel else "the residual plus attention's output"
        text = f"{norms['ln2']} does not read {what}"
        claim = "block.topology" if parallel else total
        alike = norms["ln2"] == norms.get("ln1")
        if alike or _is_read_by(called, ("ln1_post", "ln2_post"), into):
            claim = "block.ln2"
        yield claim, text, called["ln2"].input, into
        into = called["ln2"].value
    elif parallel:
        into = called["ln1"].value
    reader = norms.get("ln2", "what the topology says")
    yield _claim(norms, "ln2"), f"{reader} does not feed the MLP", mlp.input, into
    added = mlp.value
    if "ln2_post" in norms:
        text = f"{norms['ln2_post']} does not read the MLP's output"
        yield "block.ln2_post", text, called["ln2_post"].input, added
        added = called["ln2_post"].value
    if spec.side_mlp is not None:
        side = layer.call(spec.side_mlp.path)
        yield "side_mlp", f"{reader} does not feed {spec.side_mlp.path}", side.input, into
        added, total = added + side.value, "side_mlp"
    text = "the block does not return the residual plus both outputs"
    yield total, text, stream.value, middle + scale * added


def _is_read_by(called: dict[str, Call], roles: tuple[str, ...], value: Tensor) -> bool:
    """Whether one of the norms that should read something else reads this."""
    found = (called[role].input for role in roles if role in called)
    return any(largest_difference(read, value) <= EXACT for read in found)


def _claim(norms: dict[str, str], role: str) -> str:
    return f"block.{role if role in norms else 'topology'}"
