"""The pages of architectures say what was measured, of the modules as they are."""

from collections.abc import Iterator
from typing import Any

import pytest

from adaptergen.commands.architectures import (
    Measurement,
    body_digest,
    measurements_text,
    read_measurements,
)
from adaptergen.spec.load import LoadedSpec
from docs.scripts import DOCS, architectures

GENERATED = DOCS.parent / "generated"


@pytest.fixture(scope="module")
def specs() -> list[LoadedSpec]:
    found: list[LoadedSpec] = architectures.specs()
    return found


def measurement(**changes: Any) -> Measurement:
    versions = {"torch": "2", "transformers": "5", "transformer_lens": "4"}
    blank = Measurement("0" * 12, "TinyForCausalLM", 61, True, 66, 1.5e-6, versions)
    return blank._replace(**changes)


def test_every_module_has_been_measured_as_it_is(specs) -> None:
    measured = read_measurements(str(GENERATED))
    stale = {spec.name for spec in specs} - architectures.fresh(specs, measured).keys()
    assert stale == set(), "run `python -m docs.scripts.architectures --stale`"
    assert measured.keys() == {spec.name for spec in specs}, "run `make architectures`"


def test_measurement_is_fresh_while_its_module_stays(specs) -> None:
    body = body_digest(str(GENERATED / "llama.py"))
    measured = {
        "llama": measurement(module=body),
        "qwen2": measurement(module=body),
        "gone": measurement(module=body),
    }
    assert architectures.fresh(specs, measured).keys() == {"llama"}


def test_every_module_is_verified() -> None:
    measured = read_measurements(str(GENERATED))
    assert [spec for spec, found in measured.items() if not found.passed] == []


def test_page_is_fresh(specs, request) -> None:
    measured = architectures.committed()
    if request.config.getoption("--update-cases"):
        architectures.write_page(specs, measured)
    assert architectures.PAGE.read_text() == architectures.page(specs, measured), (
        "run pytest --update-cases"
    )


def test_every_architecture_is_in_one_group(specs) -> None:
    measured = {
        spec.name: measurement(shipped="" if spec.name == "smollm3" else "X") for spec in specs
    }
    page = architectures.page(specs, measured)
    for spec in specs:
        assert page.count(f"| [{spec.name}](") == 1
    groups = dict(_groups(page))
    assert "[llama]" in groups["Dense, with a hand-written adapter in TransformerLens too"]
    experts = "Mixtures of experts, with a hand-written adapter in TransformerLens too"
    assert "[mixtral]" in groups[experts]
    assert "[smollm3]" in groups["Not in TransformerLens"]
    assert "the other 1 it lacks: SmolLM3." in architectures.paragraph(specs, measured)


def _groups(page: str) -> Iterator[tuple[str, str]]:
    for group in page.split("\n## ")[1:]:
        title, _, rows = group.partition("\n")
        yield title, rows


def test_failure_is_no_number(specs) -> None:
    measured = {s.name: measurement(passed=s.name != "llama", worst=0.25) for s in specs}
    page = architectures.page(specs, measured)
    (row,) = (line for line in page.splitlines() if "[llama](" in line)
    assert row.endswith("| **failed** |")
    assert f", {len(specs) - 1} of them also a verified adapter" in architectures.paragraph(
        specs, measured
    )


def test_versions_are_each_named_once(specs) -> None:
    measured = {spec.name: measurement() for spec in specs}
    measured["llama"] = measurement(versions={"torch": "3"})
    assert (
        "Verified with torch 2, transformers 5, transformer_lens 4; torch 3."
        in architectures.page(specs, measured)
    )


def test_name_of_transformer_lens_may_be_spelled_in_another_way(specs) -> None:
    names = {spec.name: architectures.shipped(spec) for spec in specs}
    assert names["llama"] == "LlamaForCausalLM"
    assert names["phimoe"] == "PhiMoEForCausalLM"
    assert names["persimmon"] == ""


def test_hooks_of_a_layer_are_counted(specs) -> None:
    (llama,) = (spec for spec in specs if spec.name == "llama")
    assert (
        architectures.hooks(llama, GENERATED / "llama.py")
        == architectures.committed()["llama"].hooks
    )


def test_measurements_are_read_as_written(tmp_path) -> None:
    measured = {"b": measurement(), "a": measurement(passed=False)}
    (tmp_path / "architectures.json").write_text(measurements_text(measured))
    assert read_measurements(str(tmp_path)) == measured
    assert list(read_measurements(str(tmp_path))) == ["a", "b"]
