"""SAEs of the real SAELens, with the TransformerLens that it asks for, act at every hook point."""

import json
from pathlib import Path

import pytest

from adaptergen.verify.document import read_records
from adaptergen.verify.record import Status
from tests.environments import VERSIONS, overlay, python

FOLDER, REQUIREMENTS = VERSIONS["TransformerLens 3.9"]
# Float32's rounding, where norms are computed in another order.
ROUNDED = 1e-5


# Attention is left to HF where nothing is attached to it, always computed by TL, and fused in HF.
@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "hooks", "in_hf"), [("llama", 43, 34), ("gemma2", 51, 32), ("phi3", 47, 20)]
)
def test_saes_act_as_in_hf(name: str, hooks: int, in_hf: int, tmp_path: Path) -> None:
    folder = overlay(FOLDER, *REQUIREMENTS)
    done = python(folder, "tests/verify/saes.py", name, str(tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) >= hooks
    assert sum(one["in_hf"] for one in found.values()) >= in_hf
    for hook, one in found.items():
        assert one["changes"] > 1e-2, hook
        assert one["output"] < ROUNDED, hook
        assert one["gradient"] < ROUNDED, hook
        assert one["after"] == 0.0, hook


@pytest.mark.full
def test_adapters_are_right_there_or_refuse(tmp_path: Path) -> None:
    folder, report = overlay(FOLDER, *REQUIREMENTS), tmp_path / "report.json"
    usual = ("llama", "qwen3", "gemma2", "mixtral", "starcoder2")
    # Bridges of that TransformerLens lack a scale, an offset, and blocks without a norm.
    specs = (*usual, "granite", "nemotron", "olmo2", "cohere")
    python(folder, "-m", "adaptergen", "verify", *specs, "--quiet", "--json", str(report))
    records = {record.spec: record for record in read_records(str(report))}
    assert sorted(records) == sorted(specs)
    assert {record.versions["transformer_lens"] for record in records.values()} == {"3.9.0"}
    failed = {
        name: {r.check for r in records[name].results if r.status is Status.FAILED}
        for name in specs[:-1]
    }
    assert not any(failed.values()), failed
    messages = [result.message for result in records["cohere"].results]
    assert any("does not know rotary_interleaved_cos_sin" in message for message in messages)
