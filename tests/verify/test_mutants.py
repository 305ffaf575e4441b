"""Mutants: there are many, none is the adapter itself, and each ends as the spec says."""

import ast
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from adaptergen.errors import Failure
from adaptergen.language.facet import Choice, Facet, Word
from adaptergen.language.kinds import Part
from adaptergen.language.walk import classes_of
from adaptergen.project import bundled
from adaptergen.spec.load import LoadedSpec, Loader
from adaptergen.spec.model import Spec
from adaptergen.verify import verify
from adaptergen.verify.check import Check
from adaptergen.verify.checks import ALL
from adaptergen.verify.mutants import Mutant, module, mutants, run, run_mutants
from adaptergen.verify.mutants.mutant import meaning
from adaptergen.verify.mutants.runner import MutantRunner
from adaptergen.verify.mutants.spec import INSTEAD
from adaptergen.verify.record import MutantResult
from adaptergen.verify.select import Selection
from adaptergen.verify.subject import Subject
from tests.conftest import rarely
from tests.verify.conftest import ROOT, hf_model, load, module_of

# The first one's mutants are made and judged in more runs of the tests than those of the others.
SPECS = ("smollm3", "llama", "mistral", "qwen2", "qwen3")
TEMPLATES = [bundled("templates")]


def code_of(name: str) -> str:
    return Path(module_of(name)).read_text(encoding="utf-8")


@cache
def made(name: str) -> dict[str, Mutant]:
    found = mutants(load(name).spec, code_of(name), hf_model(name), TEMPLATES)
    by_name = {mutant.name: mutant for mutant in found}
    assert len(by_name) == len(found)
    return by_name


def judged(name: str, mutant: str, killer: str) -> list[str]:
    """Which checks of a group kill a mutant; those of others would take most of the time."""
    beside = str(Path(module_of(name)).parent)
    checks = [check for check in ALL if check.group == killer.partition(".")[0]]
    runner = MutantRunner(load(name).spec, beside, hf_model(name), {}, checks)
    return list(runner.killers(made(name)[mutant]))


@pytest.mark.parametrize("name", [*rarely((*SPECS, "falcon"), 1, pytest.mark.full), "granitemoe"])
def test_there_are_many_and_each_is_wrong_python(name: str) -> None:
    right, spec = meaning(code_of(name)), load(name).spec
    kinds = [mutant.partition(".")[0] for mutant in made(name)]
    assert min(kinds.count(kind) for kind in ("spec", "build", "module")) >= 40
    for mutant in made(name).values():
        ast.parse(mutant.code)
        assert mutant.spec != spec or meaning(mutant.code) != right, mutant.name
        assert mutant.name == mutant.name.lower()
        assert "\n" not in mutant.description


def test_making_them_twice_gives_the_same() -> None:
    again = mutants(load("smollm3").spec, code_of("smollm3"), hf_model("smollm3"), TEMPLATES)
    assert again == list(made("smollm3").values())


def test_breaking_a_tree_leaves_it_whole() -> None:
    code = code_of("smollm3")
    last = [text for *_, text in module.broken(code)][-1]
    assert last == ast.unparse(ast.parse(code)).replace("        super().__init__(cfg)\n", "")


def test_every_way_to_break_a_module_breaks_a_generated_one() -> None:
    codes = [code_of(path.stem) for path in sorted((ROOT / "specs").glob("*.yaml"))]
    for ways in module._BREAKS:
        # Parsed anew: whoever stops early leaves a tree broken.
        assert any(True for code in codes for _ in ways(ast.parse(code))), ways.__name__


def test_every_value_that_takes_an_argument_has_wrong_ones() -> None:
    def reachable(facet: type[Facet]) -> set[type[Facet]]:
        found: set[type[Facet]] = set()
        for field in facet.model_fields.values():
            classes = classes_of(field.annotation)
            found |= set(classes) if len(classes) > 1 else set()
            found |= {below for cls in classes for below in reachable(cls)}
        return found

    choices = {cls for cls in reachable(Spec) if not issubclass(cls, Word)}
    assert {cls for cls in choices if not issubclass(cls, Part)} == set(INSTEAD)
    assert any(issubclass(cls, Choice) for cls in choices)


@pytest.mark.parametrize(
    ("name", "killer"),
    [
        ("spec.attention.rope.layers.all", "claims.rope.layers"),
        ("build.attention.rope.layers.all", "hooks.rotation"),
        ("spec.block.ln1-ln2.swapped", "claims.block"),
        ("build.block.ln1-ln2.swapped", "hooks.norms"),
        ("build.attention.projections.k-v.swapped", "hooks.attention"),
        ("build.mlp.gate-in.swapped", "hooks.mlp"),
        ("spec.mlp.bias.gate.false", "claims.parameters"),
        ("spec.attention.window.none", "claims.window"),
        ("spec.attention.heads.query-key_value.swapped", "claims.heads"),
        ("spec.tied_embeddings.false", "claims.tied"),
        ("spec.processing.fold_ln.invalid.needlessly", "claims.processing"),
        ("build.tokenizer.padding_side.left", "config.flags"),
        ("module.flags.gated_mlp.false", "config.flags"),
        ("module.conversions.attn.k.weight.n_heads", "weights.conversions"),
        ("module.mapping.blocks.mlp.as_mlp", "hooks.inventory"),
        ("module.mapping.blocks.attn.config.dropped", "boot.mapping"),
        ("module.bridge.policy.never", "hooks.rotation"),
        ("module.bridge.rope_optional.dropped", "settings.warnings"),
        ("module.bridge.forward.kwargs.dropped", "fused.agrees"),
        ("module.flags.parallel_attn_mlp.added", "config.flags"),
        ("module.linear.observed.unguarded", "use.compiled"),
        ("module.norm.in_place", "use.spliced"),
        ("module.fused.forks.ignored", "settings.hooks"),
        ("module.adapter.layers.unasked", "use.quantised"),
        ("module.mlp.processed.by_tl", "variants.activation"),
    ],
)
def test_killed_by(name: str, killer: str) -> None:
    assert killer in judged("smollm3", name, killer)


def test_a_default_that_is_dropped_is_missed_where_configs_are_made_by_hand() -> None:
    name = "module.defaults.residual_multiplier.dropped"
    assert "boot.defaults" in judged("granite", name, "boot.defaults")


def test_a_gradient_that_hooks_are_handed_in_parts_is_noticed() -> None:
    assert "hooks.kept" in judged("phi3", "module.parts.each", "hooks.kept")


@pytest.mark.parametrize(
    ("name", "killer"),
    [
        ("outside", "use.attributed"),
        ("lost", "weights.compatibility"),
        ("twice", "weights.compatibility"),
        ("raw", "forward.unembed"),
    ],
)
def test_logits_that_are_not_scaled_once_are_noticed(name: str, killer: str) -> None:
    assert killer in judged("cohere", f"module.adapter.scale.{name}", killer)


def results(
    tmp_path: Path,
    listed: dict[str, str],
    checks: Sequence[Check],
    monkeypatch: Any,
    chosen: Mutant,
) -> tuple[MutantResult, ...]:
    """Judge one mutant of a child of llama that lists some as equivalent."""
    path = tmp_path / "child.yaml"
    entries = "".join(f"    {name}: {reason}\n" for name, reason in listed.items())
    head = "architecture: LlamaForCausalLM\nextends: llama\nsummary: A child.\n"
    tail = f"verification:\n  equivalent:\n{entries}" if listed else ""
    path.write_text(head + tail, encoding="utf-8")
    loaded: LoadedSpec = Loader([str(ROOT / "specs")]).load(str(path))
    subject = Subject(loaded.spec, module_of("llama"), hf=hf_model("llama"))

    def only(spec: Spec, *_: object) -> list[Mutant]:
        return [replace(chosen, spec=spec)]

    monkeypatch.setattr(run, "mutants", only)
    return run_mutants(loaded, subject, TEMPLATES, checks)


FEW = Selection(only=("boot", "config"))
BOOT = [check for check in ALL if check.group == "boot"]
FLAG = "module.flags.gated_mlp.false"


def flag() -> Mutant:
    return made("llama")[FLAG]


def test_a_survivor_is_not_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (result,) = results(tmp_path, {}, BOOT, monkeypatch, flag())
    assert (result.killed_by, result.expected) == ((), False)


def test_a_survivor_with_a_reason_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (result,) = results(tmp_path, {FLAG: "for a test"}, BOOT, monkeypatch, flag())
    assert (result.equivalent, result.expected) == ("for a test", True)


def test_a_listed_mutant_that_is_killed_is_not_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (result,) = results(tmp_path, {FLAG: "for a test"}, ALL, monkeypatch, flag())
    assert "config.flags" in result.killed_by
    assert not result.expected


def test_what_a_parent_lists_may_be_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    equivalent = made("llama")["module.flags.default_prepend_bos.dropped"]
    (result,) = results(tmp_path, {}, BOOT, monkeypatch, equivalent)
    assert result.equivalent
    killed = replace(flag(), name=equivalent.name)
    (result,) = results(tmp_path, {}, ALL, monkeypatch, killed)
    assert result.killed_by
    assert result.expected


def test_a_listed_name_that_is_no_mutant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failure) as caught:
        results(tmp_path, {"module.flags.gated_mlp.fals": "x"}, BOOT, monkeypatch, flag())
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.line == 6
    assert "no mutant is called so" in diagnostic.message
    assert diagnostic.hint == f"did you mean '{FLAG}'?"


def test_an_adapter_that_fails_is_not_mutated(tmp_path: Path) -> None:
    path = tmp_path / "llama.py"
    path.write_text(code_of("llama").replace('"RMS"', '"LN"'), encoding="utf-8")
    record = verify(load("llama"), str(path), select=FEW, mutants_from=TEMPLATES)
    assert record.failures
    assert record.mutants == ()
    assert record.unmutated == "the adapter itself fails"


@pytest.mark.full
@pytest.mark.parametrize("name", rarely(SPECS, 1, pytest.mark.exhaustive))
def test_every_mutant_ends_as_the_spec_says(name: str) -> None:
    record = verify(load(name), module_of(name), mutants_from=TEMPLATES)
    assert [m for m in record.mutants if not m.expected] == []
    assert len(record.mutants) >= 40
    assert record.passed
