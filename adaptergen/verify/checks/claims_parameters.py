"""Does the spec lead to every parameter that HF has?"""

import re
from collections.abc import Iterator

from adaptergen.spec.leaves import claims
from adaptergen.spec.model import Spec
from adaptergen.spec.versions import replaced
from adaptergen.verify.blame import condition_of, of_blocks, of_unreached
from adaptergen.verify.check import Evidence, Fact, check
from adaptergen.verify.declared import accepted, biases
from adaptergen.verify.declared import parameters as declared_parameters
from adaptergen.verify.layout import layout_under
from adaptergen.verify.structure import Structure, decided, runs, structures
from adaptergen.verify.subject import Subject

# Claims that lead to norms, beside those of a block.
_NORMS = ("paths.final_norm", "embedding_norm")
# Claims that list what no hook shows.
_OPAQUE = ("opaque", "attention.opaque", "mlp.opaque")


@check("claims.parameters", "The spec's paths reach every parameter of HF, and no others.")
def parameters(subject: Subject) -> Iterator[Evidence]:
    """On the tiny model, and with each boolean config key flipped that adapter and HF accept."""
    reported: set[str] = set()
    for built in accepted(subject.spec, structures(subject.hf)):
        yield from _said_apart(subject.declared, built)
        declared = declared_parameters(subject.spec_under(built.config), built)
        if declared.keys() != built.shapes.keys() and not runs(subject.hf, built.changes):
            continue
        for name in [*built.shapes, *declared]:
            pattern = re.sub(r"\.\d+\.", ".{i}.", name)
            holds = name in declared and name in built.shapes
            if not holds and pattern in reported:
                continue
            reported |= set() if holds else {pattern}
            yield Fact(holds, *_accusation(subject, built, name, pattern, declared))
    yield from _opaque(subject)


def _said_apart(spec: Spec, built: Structure) -> Iterator[Fact]:
    """Whether claims on biases that HF has as one agree with it, each by itself."""
    found = biases(spec)
    paths = [path for path, _ in found.values()]
    for claim, (path, value) in found.items():
        if paths.count(path) > 1:
            there = f"{spec.paths.blocks}.0.{path}.bias" in built.shapes
            text = f"HF's {path} has {'a' if there else 'no'} bias{built.setting}"
            yield Fact(there == decided(built.config, value), text, claim=claim)


def _opaque(subject: Subject) -> Iterator[Fact]:
    """Whether what no hook shows has parameters or buffers, and no other claim leads to them."""
    spec, built = subject.spec, structures(subject.hf)[0]
    named = [leaf for leaf in claims(spec) if leaf.claim.rpartition(".")[0] in _OPAQUE]
    if not named:
        return
    none: dict[str, list[str]] = {leaf.claim.rpartition(".")[0]: [] for leaf in named}
    others = declared_parameters(replaced(spec, none), built)
    for leaf in named:
        place = re.compile(rf"{re.escape(spec.paths.blocks)}\.\d+\.{re.escape(leaf.place)}(\.|$)")
        inside = sorted(name for name in built.tensors if place.match(name))
        by = next((others[name] for name in inside if name in others), "")
        text = f"HF's {leaf.value} has no parameters"
        text = f"{by} leads to HF's {leaf.value} already" if by else text
        there = any(place.match(part) for part in built.parts)
        yield Fact(not by and bool(inside or not there), text, claim=leaf.claim)


def _accusation(
    subject: Subject, built: Structure, name: str, pattern: str, declared: dict[str, str]
) -> tuple[str, None, str]:
    spec = subject.declared
    if name in declared:
        claim = _claim_of_missing(name, built, declared[name])
        claim = of_blocks(spec, built.config, claim)
        if built.changes and name in structures(subject.hf)[0].shapes:
            claim = condition_of(spec, claim) or claim
        return f"HF has no parameter {pattern}{built.setting}", None, claim
    for claim, path in _of_biases(spec).items():
        if f".{name}".endswith(f".{path}.bias"):
            return f"HF's {path} has a bias{built.setting}", None, claim
    facets = ((f".{spec.attention.path}.", "attention"), (f".{spec.mlp.path}.", "mlp"))
    inside = next((facet for part, facet in facets if part in name), "")
    claim = inside or ("block" if name.startswith(f"{spec.paths.blocks}.") else "paths")
    number = layout_under(spec, built.config)
    if number is not None and name in declared_parameters(replaced(spec, {"layouts": []}), built):
        # Blocks are as they usually are.
        claim = f"layouts.{number}.when"
    else:
        claim = of_unreached(spec, name) or of_blocks(spec, built.config, claim)
    text = f"HF's parameter {pattern}{built.setting} is reached by no path of the spec"
    return text, None, claim


def _claim_of_missing(name: str, built: Structure, claim: str) -> str:
    """The claim that a parameter is there: of a norm's bias not that which leads to the norm."""
    module, _, kind = name.rpartition(".")
    of_norm = claim in _NORMS or claim.startswith("block.")
    has_module = f"{module}.weight" in built.shapes
    return "norm.bias" if of_norm and kind == "bias" and has_module else claim


def _of_biases(spec: Spec) -> dict[str, str]:
    """Path of each layer whose bias a claim decides, by that claim."""
    found = {claim: path for claim, (path, _) in biases(spec).items()}
    return {**found, "unembed_bias": spec.paths.unembed}
