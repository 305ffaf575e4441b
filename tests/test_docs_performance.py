"""The page about what hooks cost says what was measured."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from docs.scripts import DOCS, performance, stamps

BENCH = Path(__file__).parent / "bench" / "forward.py"


def row(who: str, work: str, seconds: list[float], **changes: Any) -> dict[str, Any]:
    blank = {"batch": 1, "length": 1024, "peak": 3 * 2**20, "held": 2**20}
    return {"work": work, "contestant": who, "seconds": seconds, **blank, **changes}


def machine(*rows: dict[str, Any]) -> Any:
    facts = {"machine": "A processor", "dtype": "float32", "config": {"hidden_size": 8},
             "versions": {"torch": "2"}, "rows": list(rows)}  # fmt: skip
    return performance.Machine("cpu", facts)


def test_page_and_plots_are_fresh() -> None:
    machines = performance.machines()
    text = performance.PAGE.read_text()
    assert stamps.unstamped(text) == performance.page(machines)
    for one in machines:
        for plot in performance.PLOTS:
            assert (DOCS / plot.file(one)).read_text() == performance.drawn(one, plot)


def test_a_ratio_is_of_runs_side_by_side() -> None:
    text = performance.page([machine(
        row("HF sdpa", "forward", [1.0, 10.0, 1.0]),
        row("generated", "residual", [1.05, 10.5, 2.0]),
    )])  # fmt: skip
    assert "| 1 x 1,024 | 1 s | no memory | no memory | 1.05 x | 3.0 |  | 3.0 | 1.0 |" in text
    assert "beside HF SDPA without | 1.1 x | 1.05 x | 1 x 1,024 | met |" in text


def test_a_target_that_one_length_misses_is_missed() -> None:
    shared = {"length": 2048}
    text = performance.page([machine(
        row("HF sdpa", "forward", [1.0]), row("HF sdpa", "forward", [1.0], **shared),
        row("generated", "residual", [1.0], peak=4 * 2**20),
        row("generated", "residual", [1.2], **shared, peak=5 * 2**20),
    )])  # fmt: skip
    assert "1.1 x | 1.20 x | 1 x 2,048 | missed, met in 1 of 2 |" in text
    assert "what is cached | 1.1 x | 2.00 x | 1 x 2,048 | missed, met in 1 of 2 |" in text


def test_what_had_no_memory_is_said_to() -> None:
    text = performance.page([machine(
        row("HF sdpa", "forward", [1.0]),
        row("TransformerLens", "forward", [], peak=0, held=0),
    )])  # fmt: skip
    assert "| 1 x 1,024 | 1 s | no memory | no memory | no memory | 3.0 |  |  |  |" in text


def test_what_is_not_measured_again_is_kept_if_it_is_of_the_same_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCH.parent)
    bench = importlib.import_module("forward")
    rows = [row("generated", work, [1.0]) for work in ("forward", "residual", "decoding")]
    record = tmp_path / "record.yaml"
    bench.write(record, "cpu", {"machine": "A processor", "rows": rows})
    asked = SimpleNamespace(record=record, device="cpu", only=["forward"])
    assert bench.kept(asked, {"machine": "A processor"}) == rows[2:]
    assert bench.kept(asked, {"machine": "Another"}) == []


@pytest.mark.full
def test_the_benchmark_measures_everybody_at_everything(tmp_path) -> None:
    record = tmp_path / "record.yaml"
    shapes = ["--lengths", "8", "--prompts", "4", "--batches", "2"]
    subprocess.run(
        [sys.executable, BENCH, "--device", "cpu", "--size", "tiny", *shapes, "--seconds", "0",
         "--record", record],
        check=True, capture_output=True,
    )  # fmt: skip
    (facts,) = yaml.safe_load(record.read_text()).values()
    found = {(row["work"], row["contestant"]) for row in facts["rows"]}
    bridges = {
        (work, who) for work in performance.WORKS for who in (performance.TL, performance.OURS)
    }
    alone = {(meanwhile, who) for _, meanwhile in performance.WORKS.values()
             for who in (performance.HF, performance.EAGER)}  # fmt: skip
    assert found == bridges | alone
    assert all(len(row["seconds"]) == 2 and row["peak"] > 0 for row in facts["rows"])
    held = {row["contestant"]: row["held"] for row in facts["rows"] if row["work"] == "residual"}
    # Two layers of two texts of 8 tokens, 32 numbers of 4 bytes each.
    assert set(held.values()) == {2 * 2 * 8 * 32 * 4}


def test_builds_stand_beside_what_ran_in_turns_with_them() -> None:
    row = {
        "commit": "abc1234", "fresh": [0.05, 0.02], "changed": [0.3, 0.25], "cold": [3.0, 0.3],
        "megabytes": [90, 60],
    }  # fmt: skip
    *head, line = performance._builds([row])
    assert line == (
        "| abc1234 | 0.05 s | 0.02 s | 2.50 x | 0.3 s | 0.25 s | 1.20 x | 3 s | 0.3 s | 10.00 x "
        "| 90 | 60 | 1.50 x |"
    )
    assert {one.count("|") for one in head[-3:]} == {line.count("|")}
