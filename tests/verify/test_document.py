"""Records as a JSON document: its schema, and what a later run takes from it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from adaptergen.errors import Unusable
from adaptergen.spec.hatch import Hatch
from adaptergen.targets.transformer_lens.support import FILES
from adaptergen.verify import document, verify
from adaptergen.verify.document import read_records, schema_text, to_json
from adaptergen.verify.inputs import hash_inputs, module_files
from adaptergen.verify.jobs import Job
from adaptergen.verify.record import Record
from adaptergen.verify.report import Report
from adaptergen.verify.select import Selection
from tests.verify.conftest import load, module_of
from tests.verify.samples import ALL, GREEN, RED, STOPPED

SCHEMA = Path(document.__file__).parent / document.SCHEMA_FILE


def check(text: str) -> None:
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(json.loads(text))


def test_schema_is_that_of_the_records(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-cases"):
        SCHEMA.write_text(schema_text())
    assert SCHEMA.read_text() == schema_text(), "run pytest --update-cases and look at the diff"


@pytest.mark.parametrize("records", [(), ALL], ids=["none", "all"])
def test_documents_fit_the_schema_and_come_back(records: Sequence[Record], tmp_path: Path) -> None:
    text = to_json(records)
    check(text)
    path = tmp_path / "report.json"
    path.write_text(text)
    assert read_records(str(path)) == list(records)


def test_record_of_a_real_run_fits_the_schema_and_comes_back(tmp_path: Path) -> None:
    found = verify(load("qwen2"), module_of("qwen2"), select=Selection(("claims", "forward")))
    text = to_json([found], complete=False)
    check(text)
    assert json.loads(text)["complete"] is False
    path = tmp_path / "report.json"
    path.write_text(text)
    assert read_records(str(path)) == [found]


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.pop("passed"),
        lambda found: found.update(seconds="fast"),
        lambda found: found.update(extra=1),
        lambda found: found["results"][0].update(status="perhaps"),
        lambda found: found["layers"][0].update(window_found="all"),
    ],
)
def test_schema_refuses_what_is_no_record(change) -> None:
    tree = json.loads(to_json([GREEN]))
    change(tree["records"][0])
    with pytest.raises(jsonschema.ValidationError):
        check(json.dumps(tree))


def test_a_missing_file_and_one_of_another_schema_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    assert read_records(str(path)) == []
    path.write_text('{"schema": 0}')
    assert read_records(str(path)) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 2, "records": [3]}'])
def test_a_file_of_something_else_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(Unusable, match="holds no records of `adaptergen verify`"):
        read_records(str(path))


def job(recorded: Record, inputs: str) -> Job:
    """A job whose record is there already."""
    return Job(lambda *, progress: recorded, replace(recorded, inputs=inputs))


@pytest.fixture
def path(tmp_path: Path) -> str:
    """The file of a run that was interrupted after two of its three records."""
    path = str(tmp_path / "report.json")
    jobs = [job(GREEN, "a"), job(RED, "b"), job(STOPPED, "c")]
    report = Report(jobs, path)
    report.add(jobs[1], RED)
    report.add(jobs[0], GREEN)
    return path


def test_file_is_whole_after_every_record(path: str) -> None:
    tree = json.loads(Path(path).read_text())
    check(json.dumps(tree))
    assert tree["complete"] is False
    # In the order of the jobs, not of ending.
    assert [found["spec"] for found in tree["records"]] == ["smollm3", "llama"]


def test_earlier_files_are_not_replaced_by_empty_ones(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("report.json", "report.html")]
    for path in paths:
        path.write_text("earlier")
    Report([job(GREEN, "a")], *map(str, paths)).close()
    assert [path.read_text() for path in paths] == ["earlier", "earlier"]


def test_resuming_keeps_what_has_the_same_inputs(path: str) -> None:
    jobs = [job(GREEN, "a"), job(RED, "changed"), job(STOPPED, "c")]
    report = Report(jobs, path)
    report.resume()
    assert report.missing == jobs[1:]
    assert report.records == [replace(GREEN, inputs="a")]


def test_resuming_with_other_versions_starts_again(path: str, monkeypatch) -> None:
    monkeypatch.setattr("adaptergen.verify.report.versions", lambda: {"torch": "99"})
    report = Report([job(GREEN, "a")], path)
    report.resume()
    assert report.records == []


def test_what_was_stopped_is_tried_again(path: str) -> None:
    jobs = [job(STOPPED, "c")]
    report = Report(jobs, path)
    report.add(jobs[0], STOPPED)
    again = Report(jobs, path)
    again.resume()
    assert again.missing == jobs


def test_inputs_are_files_settings_and_our_own_code(tmp_path: Path, monkeypatch) -> None:
    files = [str(tmp_path / name) for name in ("spec.yaml", "parent.yaml", "module.py")]
    for file in files:
        Path(file).write_text(file)
    settings = {"overrides": {"attention_bias": True}, "select": Selection()}
    hashes = [hash_inputs(files, settings)]
    assert hash_inputs(files, dict(reversed(settings.items()))) == hashes[0]
    for file in files:
        Path(file).write_text("changed")
        hashes.append(hash_inputs(files, settings))
    hashes.append(hash_inputs(files, {**settings, "overrides": {"attention_bias": False}}))
    hashes.append(hash_inputs(files, {**settings, "select": Selection(only=("boot",))}))
    (tmp_path / "adapter.py.j2").write_text("a template")
    hashes.append(hash_inputs(files, settings, [str(tmp_path)]))
    (tmp_path / "adapter.py.j2").write_text("another")
    hashes.append(hash_inputs(files, settings, [str(tmp_path)]))
    monkeypatch.setattr("adaptergen.verify.inputs._own_code", lambda: "other code")
    hashes.append(hash_inputs(files, settings))
    assert len(set(hashes)) == len(hashes) == 9


def test_inputs_of_a_module_are_also_what_it_imports(tmp_path: Path, monkeypatch) -> None:
    spec, module = load("llama").spec, tmp_path / "llama.py"
    for name in (
        "llama.py",
        "alone.py",
        "parts/__init__.py",
        "parts/deep/mlp.py",
        "parts/notes.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("raise ValueError")
    monkeypatch.syspath_prepend(tmp_path)
    shared = [str(Path(module_of("llama")).with_name(file)) for file in FILES]
    assert module_files(str(module), spec) == [str(module), *shared]
    for file in FILES:
        (tmp_path / file).write_text("")
    by_hand = {"reason": "None.", "mlp": "parts.deep.mlp:Mlp", "block": "alone:Block"}
    changed = spec.model_copy(update={"hatch": Hatch.model_validate(by_hand)})
    found = {Path(file).relative_to(tmp_path) for file in module_files(str(module), changed)}
    written = ["alone.py", "llama.py", "parts/__init__.py", "parts/deep/mlp.py"]
    assert sorted(map(str, found)) == sorted([*written, *FILES])
    assert module_files("transformer_lens:LlamaForCausalLM", spec) == []
