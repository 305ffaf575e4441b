"""Everything that is seen of a model together is the spec that people wrote for its class."""

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from adaptergen.infer import positions
from adaptergen.infer.finding import Findings
from adaptergen.infer.left_to_hf import NOTHING, LeftToHf
from adaptergen.infer.observe import draft, observe
from adaptergen.infer.shrink import shrunk
from adaptergen.infer.source import source
from adaptergen.infer.tiny_model import TinyModel, UnexplainedError
from adaptergen.spec.compare import facets, semantic_differences
from adaptergen.spec.model import Spec
from tests.conftest import rarely
from tests.infer.tiny_models import Change, added, odd, spec_of
from tests.infer.variants import draw, truth, write
from tests.verify.conftest import ROOT

pytestmark = pytest.mark.usefixtures("exact")

FEW = ("llama", "smollm3")
MORE = sorted(p.stem for p in (ROOT / "specs").glob("*.yaml") if p.stem not in FEW)
# Said of what a model computes under other values, which building adapters finds out.
FOUND_LATER = ("processing.", "refused.", "defaults.", "attention.rope.backward")
# Why some say something else.
EXPLAINED = yaml.safe_load(Path(ROOT / "docs" / "inference.yaml").read_text(encoding="utf-8"))


# A tiny keeps all that was seen of it.
@lru_cache(maxsize=2)
def observed(name: str) -> tuple[TinyModel, Findings]:
    """A class as `infer` shrinks it, and what is seen of it."""
    found, findings = shrunk(spec_of(name).architecture, {}, {}), Findings()
    delegated = spec_of(name).attention.kind == "delegated"
    observe(found, findings, LeftToHf(projections="Why." if delegated else ""))
    return found, findings


def unlike_spec(name: str) -> dict[str, tuple[Any, Any]]:
    """Where what is seen of a class differs from its spec."""
    return {
        d.path: (d.left, d.right)
        for d in semantic_differences(spec_of(name), draft(*observed(name)))
        if not d.path.startswith(FOUND_LATER)
    }


@pytest.mark.parametrize("name", FEW)
def test_class_is_seen_as_its_spec_says(name: str) -> None:
    assert unlike_spec(name) == {}


@pytest.mark.full
@pytest.mark.parametrize("name", rarely(MORE, 12, pytest.mark.exhaustive))
def test_more_classes_are_seen_as_their_specs_say(name: str) -> None:
    if name in EXPLAINED:
        pytest.skip(EXPLAINED[name])
    assert unlike_spec(name) == {}


@cache
def look(change: Change, left_to_hf: LeftToHf = NOTHING) -> Spec:
    """What is seen of Llama with its layers changed."""
    found, findings = odd(change), Findings()
    observe(found, findings, left_to_hf)
    return draft(found, findings)


def test_every_facet_has_its_evidence() -> None:
    _, findings = observed("llama")
    evidence = findings.evidence()
    for path in ("paths.embed", "norm", "block", "mlp", "attention.projections"):
        assert evidence[path], path
    assert {finding.confidence for finding in findings} == {"proven"}


def test_norms_are_seen_where_a_key_decides_how_many_heads_are_keys(tmp_path: Path) -> None:
    variant = draw(37)
    assert (variant.heads, variant.fused, variant.qk_norm) == (
        "multi_query", "stacked", "own_per_head"
    )  # fmt: skip
    write(variant, tmp_path / "model")
    meant = source(str(tmp_path / "model"), trust_remote_code=True)
    found, findings = shrunk(meant.architecture, meant.given, {}), Findings()
    observe(found, findings, NOTHING)
    meant_norms = Spec.model_validate(truth(variant)).attention.qk_norm
    assert draft(found, findings).attention.qk_norm == meant_norms


def temperature(block: Any) -> None:
    """A learned factor of queries, which no facet has."""
    inner = block.self_attn
    inner.temperature = nn.Parameter(torch.ones(inner.q_proj.out_features))
    added(inner.q_proj, lambda owner, given, output: inner.temperature * output)


def gain(block: Any) -> None:
    block.gain = nn.Parameter(torch.ones(48))
    added(block, lambda owner, given, output: output + (owner.gain - 1) * given)


def scaled(block: Any) -> None:
    block.mlp.gain = nn.Parameter(torch.ones(48))
    added(block.mlp, lambda owner, given, output: owner.gain * output)


@pytest.mark.parametrize(
    ("change", "part", "message"),
    [
        (
            temperature, "attention",
            "attention computes with temperature, which no facet describes",
        ),
        (gain, "block", "no facet describes what gain do to the residual stream in model.layers.0"),
        (scaled, "mlp", "no linear layer returns what model.layers.0.mlp returns"),
    ],
)  # fmt: skip
def test_parameter_without_a_facet_is_named_with_its_place(
    change: Change, part: str, message: str
) -> None:
    with pytest.raises(UnexplainedError) as refused:
        look(change)
    assert (refused.value.part, str(refused.value)) == (part, message)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules of positions are held against the model as it is alone."""
    monkeypatch.setattr(positions, "_moved", lambda *_: ())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("change", "left_to_hf", "path", "left"),
    [
        (temperature, LeftToHf(attention="Why."), "attention.kind", "opaque"),
        (temperature, LeftToHf(projections="Why."), "attention.kind", "delegated"),
        (temperature, LeftToHf(projections="Why."), "attention.opaque", ["temperature"]),
        (temperature, LeftToHf(projections="Why."), "attention.rotary", True),
        (gain, LeftToHf(block="Why."), "opaque", ["gain"]),
        (scaled, LeftToHf(mlp="Why."), "mlp.kind", "opaque"),
    ],
)
def test_what_is_conceded_is_left_to_hf(
    change: Change, left_to_hf: LeftToHf, path: str, left: Any
) -> None:
    assert facets(look(change, left_to_hf))[path] == left


@pytest.mark.usefixtures("quick")
def test_conceding_one_part_does_not_excuse_another() -> None:
    with pytest.raises(UnexplainedError, match="temperature"):
        look(temperature, LeftToHf(mlp="Why."))
