"""A model that was published beside transformers, and is like nothing in it."""

from functools import cache
from pathlib import Path

import pytest

from adaptergen.infer.concessions import Concessions
from adaptergen.infer.finding import Findings
from adaptergen.infer.observe import draft, observe
from adaptergen.infer.run import infer
from adaptergen.infer.source import source
from adaptergen.infer.tiny import shrunk
from adaptergen.infer.world import UnexplainedError, World
from adaptergen.project import bundled
from adaptergen.spec.attention import DelegatedAttention
from adaptergen.spec.compare import facets

pytestmark = pytest.mark.usefixtures("exact")
FOLDER = Path(__file__).parent / "outside"


@cache
def small() -> World:
    meant = source(str(FOLDER), trust_remote_code=True)
    return shrunk(meant.architecture, meant.given, {})


def test_positions_that_attention_has_of_its_own_are_named() -> None:
    with pytest.raises(UnexplainedError, match="attention's table computes cosines") as said:
        observe(small(), Findings())
    assert said.value.part == "attention"


def test_the_rest_of_such_attention_is_found_all_the_same() -> None:
    findings = Findings()
    observe(small(), findings, Concessions(projections="Why."))
    found = facets(draft(small(), findings))
    expected = {
        "attention.kind": "delegated",
        "attention.rotary": True,
        "attention.projections.qkv": "pack",
        "attention.projections.layout": "grouped",
        "attention.heads.query": "n_heads",
        "attention.heads.key_value": "kv_groups",
        "mlp.in": "0",
        "mlp.out": "2",
    }
    assert {path: found.get(path) for path in expected} == expected


def test_keys_of_the_config_that_nothing_asks_for_are_no_part_of_the_tiny_model() -> None:
    meant = source(str(FOLDER), trust_remote_code=True)
    found = shrunk(meant.architecture, {**meant.given, "n_stray": 5, "d_ff": 96}, {})
    assert "n_stray" not in found.settings
    assert "d_ff" in found.settings


@pytest.mark.full
def test_it_is_proven_with_positions_left_to_hf() -> None:
    meant = source(str(FOLDER), trust_remote_code=True)
    found = infer(meant.architecture, meant.given, {}, [bundled("templates")])
    assert found.unexplained == []
    assert found.spec is not None
    assert isinstance(found.spec.attention, DelegatedAttention)
    passed = {result.check for result in found.results if result.status.value == "passed"}
    assert passed >= {"hooks.pattern", "interventions.pattern", "cache.generate", "use.compiled"}
