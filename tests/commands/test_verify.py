"""`adaptergen verify` until its jobs start: which specs they are of, and what is said before."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from adaptergen.project import bundled
from adaptergen.spec import load
from adaptergen.verify import jobs, versions
from tests.building import TINY, replace


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the specs whose jobs were started; none of them runs."""
    names: list[str] = []

    def start(given: Sequence[jobs.Job], *_: object) -> Iterator[object]:
        names.extend(job.blank.spec for job in given)
        yield from ()

    monkeypatch.setattr(jobs, "run_jobs", start)
    return names


def test_parent_of_several_specs_is_parsed_once(
    built: Path, run, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []
    actual = load.parse

    def count(path: str, data: bytes) -> object:
        parsed.append(Path(path).stem)
        return actual(path, data)

    monkeypatch.setattr(load, "parse", count)
    assert run("verify", "tiny", "other").status == 0
    assert started == ["tiny", "other"]
    assert parsed == ["tiny", "llama", "other"]


def test_mistakes_of_all_specs_are_shown_at_once(built: Path, run, started: list[str]) -> None:
    for name in ("tiny", "other"):
        (built / "specs" / f"{name}.yaml").write_text(TINY + "colour: red\n")
    outcome = run("verify", "tiny", "other")
    assert (outcome.status, outcome.out, started) == (1, "", [])
    assert "specs/tiny.yaml:4:1: unknown key 'colour'" in outcome.err
    assert "specs/other.yaml:4:1: unknown key 'colour'" in outcome.err


def test_stale_module_is_verified_with_a_note(built: Path, run, started: list[str]) -> None:
    assert run("verify", "tiny", "other") == (0, "", "")
    replace(built / "specs" / "other.yaml", "Another", "One more")
    note = "note: generated/other.py is stale (spec other changed)\n"
    assert run("verify", "tiny", "other") == (0, "", note)
    assert run("verify", "tiny") == (0, "", "")
    assert run("verify", "other", "--module", "generated/other.py") == (0, "", "")
    assert started == ["tiny", "other"] * 3


def test_stale_module_of_a_bundled_spec_gets_a_note_in_adaptergens_own_project(
    project: Path, run, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("specs", "templates"):
        shutil.copytree(bundled(kind), project / kind, dirs_exist_ok=True)
    # From here on the project is what adaptergen is bundled with.
    monkeypatch.setattr("adaptergen.project._PACKAGE", str(project / "adaptergen"))
    assert run("build").status == 0
    assert run("verify", "smollm3") == (0, "", "")
    replace(project / "specs" / "smollm3.yaml", "architecture:", "# Edited.\narchitecture:")
    note = "note: generated/smollm3.py is stale (spec smollm3 changed)\n"
    assert run("verify", "smollm3") == (0, "", note)
    # To another project it is a bundled module, which it cannot build.
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "pyproject.toml").write_text("[tool.adaptergen]\n")
    monkeypatch.chdir(elsewhere)
    assert run("verify", "smollm3") == (0, "", "")
    assert started == ["smollm3"] * 3


def test_jobs_of_one_name_do_not_share_their_mutants(built: Path, run, monkeypatch) -> None:
    taken: list[str] = []

    def start(given: Sequence[jobs.Job], *_: object) -> Iterator[object]:
        taken.extend(job.task.keywords["share"].taken for job in given)
        yield from ()

    monkeypatch.setattr(jobs, "run_jobs", start)
    run("verify", "tiny", "specs/tiny.yaml", "--mutants", "--jobs", "4")
    assert len(set(taken)) == len(taken) == 2


def test_spec_of_a_later_transformers_is_left_out_unless_it_is_named(
    built: Path, run, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "version", lambda _: "5.9.0")
    replace(built / "specs" / "tiny.yaml", "extends", "since: '5.10'\nextends")
    replace(built / "specs" / "other.yaml", "extends", "since: '5.9'\nextends")
    assert run("build").status == 0
    outcome = run("verify", "--all")
    assert outcome.status == 0
    assert outcome.err == (
        "note: tiny is left out: TinyForCausalLM needs transformers 5.10 or later\n"
    )
    assert run("verify", "tiny").err == ""
    assert started == ["other", "tiny"]


@pytest.mark.parametrize("flag", [[], ["--all"]])
def test_outside_of_a_project_the_bundled_specs_are_meant(
    tmp_path: Path, run, started: list[str], monkeypatch: pytest.MonkeyPatch, flag: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run("verify", *flag)
    assert outcome.status == 0
    assert outcome.err.startswith("note: there is no project here, so these are the bundled specs")
    assert len(started) > 50
    assert {"llama", "smollm3"} <= set(started)


def test_project_without_specs_does_not_mean_the_bundled_ones(
    project: Path, run, started: list[str]
) -> None:
    assert run("verify").status == 2
    (project / "specs").rmdir()
    (project / "pyproject.toml").write_text("[tool.adaptergen]\n")
    assert run("verify", "--all").status == 2
    assert started == []


def test_records_are_printed_for_programs(built: Path, run, monkeypatch) -> None:
    from tests.verify.samples import GREEN

    monkeypatch.setattr(jobs, "run_jobs", lambda given, *_: ((job, GREEN) for job in given))
    outcome = run("verify", "tiny", "--format", "json")
    assert json.loads(outcome.out)["records"][0]["spec"] == GREEN.spec
