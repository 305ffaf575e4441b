"""Keys and parts that a spec names: which of them HF has, and what is said of the others."""

from pathlib import Path

import pytest

from adaptergen.spec.load import Loader
from adaptergen.verify import verify
from adaptergen.verify.checks.claims_named import has_key, named
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import Selection
from adaptergen.verify.subject import Subject
from tests.verify.conftest import ROOT, hf_model, load, module_of

SOLAR = """\
architecture: SolarOpenForCausalLM
extends: glm4_moe
model_type: solar_open
summary: A spec that inherits norms and dense layers that SolarOpen lacks.
"""
MENDED = """\
attention: {bias: false, qk_norm: none}
mlp: {dense: null}
tiny: {first_k_dense_replace: null, intermediate_size: null}
"""


def problems(tmp_path: Path, text: str) -> dict[str, str]:
    """What the check says of a spec, by the claim."""
    path = tmp_path / "solar_open.yaml"
    path.write_text(text, encoding="utf-8")
    spec = Loader([str(ROOT / "specs")]).load(str(path)).spec
    (result,) = run_checks(Subject(spec, "unused.py"), [named])
    return {problem.claim: problem.message for problem in result.problems}


def test_inherited_claims_are_held_against_hf(tmp_path: Path) -> None:
    found = problems(tmp_path, SOLAR)
    assert {"mlp.dense.gate", "mlp.dense.in", "mlp.dense.out"} < found.keys()
    assert {"attention.qk_norm.per_head.q", "attention.qk_norm.per_head.k"} < found.keys()
    assert "SolarOpenConfig has no key 'use_qk_norm'" in found["attention.qk_norm.per_head.present"]
    assert "it has gate" in found["mlp.dense.gate"]
    assert "write `mlp.dense: null` if there is none" in found["mlp.dense.gate"]


def test_a_spec_that_says_otherwise_than_its_parent_names_nothing_that_hf_lacks(
    tmp_path: Path,
) -> None:
    assert problems(tmp_path, SOLAR + MENDED) == {}


def test_a_failure_says_where_the_claim_is_made(tmp_path: Path) -> None:
    path = tmp_path / "child.yaml"
    head = "architecture: LlamaForCausalLM\nextends: llama\nsummary: A child.\n"
    path.write_text(f"{head}attention: {{heads: {{key_value: num_kv_heads}}}}\n", encoding="utf-8")
    loaded = Loader([str(ROOT / "specs")]).load(str(path))
    record = verify(loaded, module_of("llama"), select=Selection(only=("claims.named",)))
    (problem,) = record.failures[0].problems
    assert problem.location == f"{path}:4:32"
    assert problem.said.endswith(f"contradicts attention.heads.key_value ({path}:4:32)")
    assert "it has num_key_value_heads" not in problem.message
    assert "write `attention.heads.key_value: null` if there is none" in problem.message


@pytest.mark.parametrize(
    ("name", "key", "known"),
    [
        ("llama", "rms_norm_eps", True),
        ("llama", "n_head", False),
        # In the config's class, with another name for a place.
        ("deepseek_v3", "num_local_experts", True),
        # HF asks for it with a default, and its config has none unless told.
        ("cohere", "head_dim", True),
        ("phi", "head_dim", True),
    ],
)
def test_a_key_is_hfs_own_if_hf_has_it_untold(name: str, key: str, known: bool) -> None:
    assert has_key(hf_model(name), key) is known


def test_a_key_that_is_only_told_is_none_of_hfs() -> None:
    spec = load("llama").spec
    subject = Subject(spec, "unused.py", {"attention_bais": True, "rope_theta": 100.0})
    assert not has_key(subject.hf, "attention_bais")
    assert has_key(subject.hf, "rope_theta")
