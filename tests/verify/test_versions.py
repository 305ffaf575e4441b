"""Generated adapters are right on other versions of transformers, but where it says so here."""

from pathlib import Path
from typing import Any

import pytest

from adaptergen.spec.verification import KnownFailure
from adaptergen.spec.versions import replaced
from adaptergen.verify import running, versions
from adaptergen.verify.check import Fact, check
from adaptergen.verify.document import read_records
from adaptergen.verify.record import Status
from adaptergen.verify.subject import Subject
from tests.environments import VERSIONS, overlay, python
from tests.verify.conftest import ROOT, load, module_of

# Specs that stand for kinds: routers in three forms, modules that are elsewhere.
FEW = ("llama", "gemma2", "gpt_neox", "ernie4_5_moe", "dots1", "granitemoe")
# What transformers 5.9 has no class for; 5.23 has all.
ABSENT = {"5.9": ("flint", "granite_swa", "mellum")}
# The checks that fail there, where HF's classes are other than the specs say; these say so.
ON_5_9 = {
    "aria_text": {"weights.folding"},
    "deepseek_v2": {"claims.mlp"},
    "granitemoe": {"weights.folding"},
    "granitemoeshared": {"claims.processing"},
}
LACKING: dict[str, dict[str, set[str]]] = {"5.9": ON_5_9, "5.23": {}}


@pytest.mark.full
@pytest.mark.parametrize("version", LACKING)
@pytest.mark.parametrize(
    "specs", [FEW, pytest.param((), marks=pytest.mark.exhaustive)], ids=["few", "all"]
)
def test_adapters_are_right_on(version: str, specs: tuple[str, ...], tmp_path: Path) -> None:
    name, requirements = VERSIONS[f"transformers {version}"]
    folder, report = overlay(name, *requirements), tmp_path / "report.json"
    done = python(folder, "-m", "adaptergen", "verify", *specs, "--quiet", "--json", str(report))
    records = read_records(str(report))
    every = {path.stem for path in (ROOT / "specs").glob("*.yaml")} - {*ABSENT.get(version, ())}
    assert {record.spec for record in records} == {*(specs or every)}
    for record in records:
        assert record.versions["transformers"].startswith(f"{version}.")
        known = {r.check for r in record.results if r.status is Status.KNOWN}
        usual = load(record.spec).spec.verification.checks.keys()
        assert record.passed, record.spec
        assert known - usual == LACKING[version].get(record.spec, set()), record.spec
    assert done.returncode == 0


@check("always.fails", "Never holds.")
def fails(subject: Subject) -> Any:
    yield Fact(False, "it does not hold")


@pytest.mark.parametrize(
    ("written_for", "status"), [("5.0", Status.FAILED), ("99.0", Status.KNOWN)]
)
def test_what_older_versions_lack_is_known_under_these_alone(
    written_for: str, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_WRITTEN_FOR", written_for)
    known = {"reason": "Why.", "fails": ["it does not hold"]}
    spec = replaced(load("llama").spec, {"verification.older": {"always.fails": known}})
    (result,) = running.run_checks(Subject(spec, module_of("llama")), [fails])
    assert result.status is status
    assert result.message.startswith("limit: Why." if status is Status.KNOWN else "it does")


@check("known.failure", "Always holds.")
def holds(subject: Subject) -> Any:
    yield Fact(True, "")


@pytest.mark.parametrize(("written_for", "status"), [("5.0", "failed"), ("99.0", "passed")])
def test_what_an_older_version_does_not_need_an_exception_for_says_nothing(
    written_for: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_WRITTEN_FOR", written_for)
    subject = Subject(load("llama").spec, module_of("llama"))
    subject.known = {"known.failure": KnownFailure(reason="Why.", fails=["does not hold"])}
    (result,) = running.run_checks(subject, [holds])
    assert result.status == status
