"""`adaptergen list`: one line per architecture, the project's specs before bundled ones."""

from pathlib import Path


def rows(out: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split() for line in out.splitlines()[1:]}


def test_bundled_specs_are_listed_with_parent_and_summary(project: Path, run) -> None:
    listed = rows(run("list").out)
    assert listed["qwen3"][:4] == ["qwen3", "Qwen3ForCausalLM", "qwen2", "(bundled)"]
    assert listed["llama"][2] == "-"


def test_project_spec_hides_the_bundled_one_of_its_name(project: Path, run) -> None:
    (project / "specs" / "llama.yaml").write_text(
        "architecture: MyLlamaForCausalLM\nextends: llama\nsummary: Mine.\n"
    )
    listed = rows(run("list").out)
    assert listed["llama"] == ["llama", "MyLlamaForCausalLM", "llama", "specs/llama.yaml", "Mine."]


def test_invalid_spec_is_reported_with_its_place(project: Path, run) -> None:
    (project / "specs" / "bad.yaml").write_text("architecture: X\nextends: llama\nsumary: x\n")
    outcome = run("list")
    assert outcome.status == 1
    assert "specs/bad.yaml:3:1: unknown key 'sumary'" in outcome.err
