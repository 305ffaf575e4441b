"""Are the modules where the spec says, and does it name all of them?"""

import re
from collections.abc import Iterator

from torch import nn

from adaptergen.spec.attention import PerHeadQKNorm
from adaptergen.spec.model import Spec
from adaptergen.verify.check import EXACT, Evidence, Fact, check, largest_difference
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import UnavailableError
from adaptergen.verify.structure import Structure, structures
from adaptergen.verify.subject import Subject


@check(
    "claims.architecture",
    "HF has the class, and builds the tiny model and runs it.",
    claim="architecture",
)
def architecture(subject: Subject) -> Iterator[Evidence]:
    """Building it raises where something is wrong."""
    name = type(subject.hf.model).__name__
    yield Fact(name == subject.spec.architecture, f"HF's class is {name}")
    finite = bool(subject.hf.seen.logits.isfinite().all())
    yield Fact(finite, "HF's logits are not finite numbers", claim="tiny")


@check("claims.model_type", "HF's config class has the spec's model type.", claim="model_type")
def model_type(subject: Subject) -> Iterator[Evidence]:
    """TL chooses adapters by class name, users often by model type."""
    claimed, found = subject.spec.hf_model_type, subject.hf.config.model_type
    yield Fact(claimed == found, f"HF's model_type is '{found}', not '{claimed}'")


@check("claims.paths", "Every path of the spec leads to a module of the declared kind.")
def paths(subject: Subject) -> Iterator[Evidence]:
    """Blocks are counted, and each part is looked up in every block."""
    hf, spec = subject.hf, subject.spec
    assert hf.model is not None
    top = spec.paths
    yield _kind(hf, top.embed, nn.Embedding, "paths.embed")
    yield _kind(hf, top.unembed, nn.Linear, "paths.unembed")
    yield _kind(hf, top.blocks, nn.ModuleList, "paths.blocks")
    yield _norm_like(hf, top.final_norm, "paths.final_norm")
    yield _kind(hf, top.rotary, nn.Module, "paths.rotary")
    rotary = hf.call(top.rotary).output
    is_pair = isinstance(rotary, tuple) and len(rotary) == 2
    yield Fact(is_pair, f"{top.rotary} does not return cosines and sines", claim="paths.rotary")
    for role, name in spec.block.norms.items():
        for number, path in subject.below(name):
            yield _norm_like(hf, path, f"block.{role}", number)
    for claim, name in projections(spec).items():
        for number, path in subject.below(name):
            yield _kind(hf, path, nn.Linear, claim, number)


@check("claims.blocks", "HF runs the blocks once, in order, between embedding and final norm.")
def blocks(subject: Subject) -> Iterator[Evidence]:
    """Follows the residual stream from module to module, by the tensors handed on."""
    hf, spec = subject.hf, subject.spec
    wanted = hf.config.num_hidden_layers
    text = f"HF has {len(subject.layers)} blocks there and runs {wanted} layers"
    yield Fact(len(subject.layers) == wanted, text, claim="paths.blocks")
    stream = hf.call(spec.paths.embed).value
    for number, path in subject.layers.items():
        call = hf.call(path)
        same = path not in hf.seen.repeated and largest_difference(call.input, stream) <= EXACT
        text = "does not read what the module before it returned"
        yield Fact(same, text, number, "paths.blocks" if number else "paths.embed")
        stream = call.value
    norm, unembed = hf.call(spec.paths.final_norm), hf.call(spec.paths.unembed)
    reads = largest_difference(norm.input, stream) <= EXACT
    text = f"{spec.paths.final_norm} does not read the last block's output"
    yield Fact(reads, text, claim="paths.final_norm")
    reads = largest_difference(unembed.input, norm.value) <= EXACT
    text = f"{spec.paths.unembed} does not read the output of {spec.paths.final_norm}"
    yield Fact(reads, text, claim="paths.unembed")


@check("claims.parameters", "The spec's paths reach every parameter of HF, and no others.")
def parameters(subject: Subject) -> Iterator[Evidence]:
    """On the tiny model, and with each boolean config key flipped."""
    reported: set[str] = set()
    for built in structures(subject.hf):
        declared = claims_of_parameters(subject, built)
        for name in [*built.shapes, *declared]:
            pattern = re.sub(r"\.\d+\.", ".{i}.", name)
            holds = name in declared and name in built.shapes
            if not holds and pattern in reported:
                continue
            reported |= set() if holds else {pattern}
            yield Fact(holds, *_accusation(subject.spec, built, name, pattern, declared))


def projections(spec: Spec) -> dict[str, str]:
    """Paths below a block of all linear layers, by the claim that names them."""
    attention, mlp = spec.attention, spec.mlp
    found = {
        f"attention.projections.{role}": f"{attention.path}.{name}"
        for role, name in attention.projections.modules.items()
    }
    for role, name in (("gate", mlp.gate), ("in", mlp.in_), ("out", mlp.out)):
        found[f"mlp.{role}"] = f"{mlp.path}.{name}"
    return found


def biases(spec: Spec) -> dict[str, tuple[str, bool | str]]:
    """Path below a block and deciding value of each bias, by the claim that decides it."""
    attention, mlp = spec.attention, spec.mlp
    decided = {f"attention.projections.{r}": getattr(attention.bias, r) for r in "qkvo"}
    decided |= {f"mlp.{role}": value for role, value in mlp.biases.items()}
    bias_claims = {claim: _bias_claim(claim) for claim in decided}
    return {bias_claims[c]: (path, decided[c]) for c, path in projections(spec).items()}


def _bias_claim(claim: str) -> str:
    facet, _, role = claim.rpartition(".")
    return f"{facet.removesuffix('.projections')}.bias.{role}"


def is_set(built: Structure, decided: bool | str) -> bool:
    """What a claim that may name a config key comes to under a config."""
    return decided if isinstance(decided, bool) else bool(getattr(built.config, decided, False))


def claims_of_parameters(subject: Subject, built: Structure) -> dict[str, str]:
    """Names of all parameters that the spec leads to, with the claims that do."""
    spec = subject.spec
    top = spec.paths
    names = {f"{top.embed}.weight": "paths.embed", f"{top.unembed}.weight": "paths.unembed"}
    names[f"{top.final_norm}.weight"] = "paths.final_norm"
    below = {f"{name}.weight": f"block.{role}" for role, name in spec.block.norms.items()}
    below |= {f"{name}.weight": claim for claim, name in projections(spec).items()}
    for claim, (path, decided) in biases(spec).items():
        if is_set(built, decided):
            below[f"{path}.bias"] = claim
    norms = spec.attention.qk_norm
    if isinstance(norms, PerHeadQKNorm):
        for name in (norms.per_head.q, norms.per_head.k):
            below[f"{spec.attention.path}.{name}.weight"] = "attention.qk_norm"
    for path in subject.layers.values():
        names |= {f"{path}.{name}": claim for name, claim in below.items()}
    return names


def _accusation(
    spec: Spec, built: Structure, name: str, pattern: str, declared: dict[str, str]
) -> tuple[str, None, str]:
    if name in declared:
        return f"HF has no parameter {pattern}{built.setting}", None, declared[name]
    facets = ((f".{spec.attention.path}.", "attention"), (f".{spec.mlp.path}.", "mlp"))
    inside = next((facet for part, facet in facets if part in name), "")
    claim = inside or ("block" if name.startswith(f"{spec.paths.blocks}.") else "paths")
    text = f"HF's parameter {pattern}{built.setting} is reached by no path of the spec"
    return text, None, claim


def _kind(
    hf: HfModel, path: str, kind: type[nn.Module], claim: str, layer: int | None = None
) -> Fact:
    try:
        module = hf.module(path)
    except UnavailableError as error:
        return Fact(False, error.reason, layer, claim)
    text = f"HF's {path} is of class {type(module).__name__}, not {kind.__name__}"
    return Fact(isinstance(module, kind), text, layer, claim)


def _norm_like(hf: HfModel, path: str, claim: str, layer: int | None = None) -> Fact:
    found = _kind(hf, path, nn.Module, claim, layer)
    if not found.holds:
        return found
    module, width = hf.module(path), hf.dim
    shapes = {key: tuple(value.shape) for key, value in module.named_parameters()}
    is_norm = shapes.get("weight") == (width,) and not list(module.children())
    return Fact(is_norm, f"HF's {path} has no weight of {width} numbers", layer, claim)
