"""A kind of MLP that adaptergen does not bring along: one folder, one template, one registration.

The package names it nowhere, and takes a spec with it through everything that it does.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adaptergen.cli import main
from adaptergen.components.mlp.spec import Mlp
from adaptergen.infer.run import infer
from adaptergen.language.kinds import register, unregister
from adaptergen.project import bundled
from adaptergen.spec.load import LoadedSpec, Loader
from adaptergen.verify import verify
from adaptergen.verify.check import Check
from adaptergen.verify.checks import ALL
from adaptergen.verify.code import load_code
from adaptergen.verify.hf import HfModel
from adaptergen.verify.mutants.run import mutants
from adaptergen.verify.mutants.runner import MutantRunner
from adaptergen.verify.record import Status
from tests.components.summed.spec import SummedMlp

TEMPLATES = Path(__file__).parent / "templates"
MODEL = str(Path(__file__).parent / "model")


@pytest.fixture
def known() -> Iterator[None]:
    register(SummedMlp)
    yield
    unregister(SummedMlp)


@pytest.fixture
def summed(known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedSpec:
    """A project with a template of its own, and a spec of a model with such an MLP."""
    (tmp_path / "templates").symlink_to(TEMPLATES)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "summed.yaml").write_text(
        "architecture: SummedForCausalLM\nextends: llama\nsummary: A Llama whose MLP adds.\n"
        "mlp:\n  kind: summed\n  path: mlp\n  in: bent\n  beside: straight\n  out: down\n"
        "  bias: false\n  act: hidden_act\n"
        "processing:\n  fold_ln: {invalid: TransformerLens has no name for one of its readers.}\n"
    )
    (tmp_path / "pyproject.toml").write_text('[tool.adaptergen]\ntemplates = "templates"\n')
    monkeypatch.chdir(tmp_path)
    return Loader(["specs", bundled("specs")]).load("specs/summed.yaml")


def test_a_spec_with_it_is_built(summed: LoadedSpec) -> None:
    assert main(["build"]) == 0
    assert "MLP: summed" in Path("generated/summed.py").read_text()


@pytest.mark.full
def test_a_spec_with_it_is_verified(summed: LoadedSpec) -> None:
    assert main(["build"]) == 0
    record = verify(summed, "generated/summed.py", code=MODEL)
    assert [r.message for r in record.results if r.status is Status.FAILED] == []


@pytest.mark.full
def test_wrong_specs_of_it_are_noticed(summed: LoadedSpec) -> None:
    assert main(["build"]) == 0
    code = Path("generated/summed.py").read_text()
    hf = HfModel(load_code(MODEL), summed.spec.tiny)
    made = mutants(summed.spec, code, hf, [str(TEMPLATES), bundled("templates")])
    own = [mutant for mutant in made if mutant.name.startswith("spec.mlp.")]
    assert any("beside" in mutant.name for mutant in own)
    quick: list[Check] = [check for check in ALL if check.group in ("claims", "forward", "hooks")]
    runner = MutantRunner(summed.spec, "generated", hf, {}, quick)
    assert [mutant.name for mutant in own if not list(runner.killers(mutant))] == []


@pytest.mark.full
def test_it_is_found_in_a_model_that_nobody_described(known: None) -> None:
    templates = [str(TEMPLATES), bundled("templates")]
    found = infer(load_code(MODEL), {}, {}, templates)
    assert found.unexplained == []
    assert found.spec is not None
    assert found.spec.mlp.kind == "summed"
    assert isinstance(found.spec.mlp, SummedMlp)
    assert (found.spec.mlp.in_, found.spec.mlp.beside) == ("bent", "straight")


def test_a_kind_is_refused_once_it_is_not_registered_any_more(summed: LoadedSpec) -> None:
    unregister(SummedMlp)
    assert "summed" not in Mlp.kinds
    assert main(["build"]) == 1
