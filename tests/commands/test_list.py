"""`adaptergen list`: one line per architecture, the project's specs before bundled ones."""

import json
import re
from pathlib import Path

import pytest

from adaptergen.commands.architectures import (
    Measurement,
    body_digest,
    measurements_text,
    read_measurements,
)
from tests.building import OTHER
from tests.conftest import Run

VERSIONS = {"torch": "2.13", "transformers": "5.23", "transformer_lens": "4.3"}


def rows(out: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split() for line in out.splitlines()[1:]}


def measure(project: Path, spec: str, **changes: object) -> None:
    """Write down that a module as it is was measured, beside those that were before."""
    generated = project / "generated"
    body = body_digest(str(generated / f"{spec}.py"))
    found = Measurement(body, "", 61, True, 66, 2.5e-6, VERSIONS)._replace(**changes)
    measured = {**read_measurements(str(generated)), spec: found}
    (generated / "architectures.json").write_text(measurements_text(measured))


def test_bundled_specs_are_listed_with_parent_and_summary(project: Path, run) -> None:
    listed = rows(run("list").out)
    assert listed["qwen3"][:3] == ["qwen3", "Qwen3ForCausalLM", "qwen2"]
    assert listed["qwen3"][7] == "(bundled)"
    assert listed["llama"][2] == "-"


def test_project_spec_hides_the_bundled_one_of_its_name(project: Path, run) -> None:
    (project / "specs" / "llama.yaml").write_text(
        "architecture: MyLlamaForCausalLM\nextends: llama\nsummary: Mine.\n"
    )
    listed = rows(run("list").out)
    assert listed["llama"][:3] == ["llama", "MyLlamaForCausalLM", "llama"]
    # What was measured of the bundled module says nothing about this one.
    assert listed["llama"][3:] == ["-", "-", "-", "-", "specs/llama.yaml", "Mine."]


def test_invalid_spec_is_reported_with_its_place(project: Path, run) -> None:
    (project / "specs" / "bad.yaml").write_text("architecture: X\nextends: llama\nsumary: x\n")
    outcome = run("list")
    assert outcome.status == 1
    assert "specs/bad.yaml:3:1: unknown key 'sumary'" in outcome.err
    # The others are listed even so, for people and for programs.
    assert "llama" in rows(outcome.out)
    assert "bad" not in rows(outcome.out)
    outcome = run("list", "--format", "json")
    assert "qwen3" in {row["spec"] for row in json.loads(outcome.out)}
    assert (outcome.status, "specs/bad.yaml:3:1" in outcome.err) == (1, True)


def test_what_was_measured_is_shown(built: Path, run: Run) -> None:
    measure(built, "tiny")
    out = run("list").out
    assert rows(out)["tiny"][3:6] == ["no", "61", "2.5e-06"]
    assert "verified with torch 2.13, transformers 5.23, transformer_lens 4.3" in out


def test_known_failures_are_shown(built: Path, run: Run) -> None:
    measure(built, "tiny", known=("hooks.pattern", "claims.heads"))
    assert rows(run("list").out)["tiny"][5:8] == ["2.5e-06", "hooks.pattern,", "claims.heads"]
    (row,) = [
        row
        for row in json.loads(run("list", "--format", "json").out)
        if row["measured"] and row["spec"] == "tiny"
    ]
    assert row["measured"]["known"] == ["hooks.pattern", "claims.heads"]


def test_failed_verification_is_shown(built: Path, run: Run) -> None:
    measure(built, "tiny", passed=False, shipped="TinyForCausalLM")
    assert rows(run("list").out)["tiny"][3:6] == ["yes", "61", "FAILED"]


def test_measurement_of_another_module_counts_for_nothing(built: Path, run: Run) -> None:
    measure(built, "tiny", module="0" * 12)
    assert rows(run("list").out)["tiny"][3:6] == ["-", "-", "stale"]


def test_fewer_verified_with_other_versions_are_named(built: Path, run: Run) -> None:
    # Bundled modules are more, where those that there are were measured.
    (built / "specs" / "third.yaml").write_text(OTHER.replace("Other", "Third"))
    run("build")
    measure(built, "tiny")
    measure(built, "other")
    measure(built, "third", versions={**VERSIONS, "transformer_lens": "4.2"})
    assert "\n1 verified with torch 2.13, transformers 5.23, transformer_lens 4.2: third\n" in (
        run("list").out
    )


@pytest.mark.parametrize("text", ["[]", "{", '{"tiny": {"module": "x"}}'])
def test_file_of_something_else_is_named(text: str, built: Path, run: Run) -> None:
    (built / "generated" / "architectures.json").write_text(text)
    outcome = run("list")
    assert outcome.status == 2
    assert "generated/architectures.json holds no measurements; `make arch" in outcome.err


def test_list_for_programs(built: Path, run: Run) -> None:
    measure(built, "tiny")
    (tiny,) = (
        row for row in json.loads(run("list", "--format", "json").out) if row["spec"] == "tiny"
    )
    assert tiny["measured"]["worst"] == 2.5e-6
    assert tiny["measured"]["versions"] == VERSIONS
    assert (tiny["extends"], tiny["bundled"], tiny["stale"]) == ("llama", False, False)


def test_verify_all_takes_no_names(built: Path, run: Run) -> None:
    outcome = run("verify", "--all", "tiny")
    assert outcome.status == 2
    assert "--all means every spec" in outcome.err


def test_measurement_outlives_a_change_of_the_header_alone(built: Path, run: Run) -> None:
    measure(built, "tiny")
    module = built / "generated" / "tiny.py"
    text = module.read_text()
    module.write_text(re.sub("^# (generator|body) .*", r"# \1 0123", text, flags=re.MULTILINE))
    assert rows(run("list").out)["tiny"][3:6] == ["no", "61", "2.5e-06"]
    module.write_text(text + "# changed\n")
    assert "stale" in rows(run("list").out)["tiny"]
