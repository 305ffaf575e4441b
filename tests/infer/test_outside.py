"""Models that were published beside transformers, and are like nothing in it."""

from pathlib import Path
from unittest.mock import patch

import pytest

from adaptergen.infer.finding import Findings
from adaptergen.infer.observe import draft, observe
from adaptergen.infer.positions import source as source_of_positions
from adaptergen.infer.refusals import refusals
from adaptergen.infer.run import infer
from adaptergen.infer.shrink import shrunk
from adaptergen.infer.source import source
from adaptergen.infer.tiny_model import UnexplainedError
from adaptergen.project import bundled
from adaptergen.spec.compare import facets
from adaptergen.verify import checkpoint
from adaptergen.verify.positions import positions_of
from tests.infer.tiny_models import published

pytestmark = pytest.mark.usefixtures("exact")
FOLDER = Path(__file__).parent / "outside"


def test_a_table_of_positions_that_attention_has_of_its_own_is_found() -> None:
    findings = Findings()
    observe(published("outside"), findings)
    found = facets(draft(published("outside"), findings))
    expected = {
        "attention.kind": "reimplemented",
        "attention.rope.module": "table",
        "attention.rope.length": "length",
        "attention.rope.positions": "positions",
        "attention.own_mask": True,
        "attention.mask_argument": "keep",
        "attention.projections.qkv": "pack",
        "attention.projections.layout": "grouped",
        "attention.heads.query": "n_heads",
        "attention.heads.key_value": "kv_groups",
        "mlp.in": "0",
        "mlp.out": "2",
    }
    assert {path: found.get(path) for path in expected} == expected


def test_positions_that_such_a_module_computes_from_something_else_are_named() -> None:
    tiny = published("outside")
    path = next(tiny.below("mix"))
    # As the model runs, and never again.
    assert positions_of(tiny.hf, path) is not None
    table = type(tiny.hf.module(f"{path}.table"))
    said = pytest.raises(UnexplainedError, match="attention's table computes cosines and sines")
    with patch.object(table, "forward", side_effect=ValueError), said:
        source_of_positions(tiny, "mix")


def test_pairs_for_a_cache_a_mask_of_what_is_hidden_and_a_width_of_no_key_are_found() -> None:
    findings = Findings()
    observe(published("older"), findings)
    found = facets(draft(published("older"), findings))
    expected = {
        "attention.kind": "reimplemented",
        "attention.rope.module": "rotary",
        "attention.rope.length": "seq_len",
        "attention.returns": ["output", "keys_and_values"],
        "attention.mask_hides": True,
        "attention.own_mask": False,
        "mlp.width": None,
        "mlp.measured": True,
    }
    assert {path: found.get(path) for path in expected} == expected


def test_constants_made_of_several_keys_and_scaled_unembedding_are_found() -> None:
    findings = Findings()
    observe(published("scaled"), findings)
    found = facets(draft(published("scaled"), findings))
    expected = {
        "multipliers.embedding": "scale_emb",
        "multipliers.residual": "scale_depth / sqrt(num_hidden_layers)",
        "multipliers.logits": {"multiply": "dim_model_base / hidden_size"},
        "attention.kind": "reimplemented",
        "attention.rope.module": "rotary_emb",
    }
    assert {path: found.get(path) for path in expected} == expected


def test_keys_that_have_to_be_set_are_refused_unset() -> None:
    tiny, findings = published("older"), Findings()
    observe(tiny, findings)
    found = refusals(tiny, draft(tiny, findings), findings)
    assert found.refused == {"not final_norm": "No facet describes norm.weight."}


def test_the_vocabulary_has_one_size_under_all_its_names() -> None:
    values = published("older").config.to_dict()
    assert values["padded_vocab_size"] == values["vocab_size"] == 113
    assert checkpoint.settings(published("older").hf)["padded_vocab_size"] != 113


def test_keys_of_the_config_that_nothing_asks_for_are_no_part_of_the_tiny_model() -> None:
    meant = source(str(FOLDER), trust_remote_code=True)
    found = shrunk(meant.architecture, {**meant.given, "n_stray": 5, "d_ff": 96}, {})
    assert "n_stray" not in found.settings
    assert "d_ff" in found.settings


@pytest.mark.full
@pytest.mark.parametrize("name", ["outside", "older", "scaled", "grouped", "planes"])
def test_they_are_proven_with_nothing_left_to_hf(name: str) -> None:
    meant = source(str(FOLDER.parent / name), trust_remote_code=True)
    found = infer(meant.architecture, meant.given, {}, [bundled("templates")])
    assert found.unexplained == []
    assert found.explained
    passed = {result.check for result in found.results if result.status.value == "passed"}
    assert passed >= {"hooks.rotation", "hooks.pattern", "cache.padding", "cache.generate"}
