"""Synthetic architectures: reproducible, of every kind, and described exactly by their specs."""

from pathlib import Path

import pytest

from adaptergen.project import bundled
from adaptergen.spec.model import Spec
from adaptergen.targets.transformer_lens.render import Renderer
from adaptergen.verify.checks import ALL
from adaptergen.verify.code import load_code
from adaptergen.verify.record import Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import EVERYTHING, Selection
from adaptergen.verify.subject import Subject
from tests.infer.choices import EAGER, LOOSE, OLDER
from tests.infer.drawing import STYLES
from tests.infer.variants import CHOICES, draw, truth, values_of, write
from tests.verify.conftest import QUICK

FEW = (1, 3, 11)
# Of code that computes attention by itself: each spelling of a softmax and of a mask.
FEW_EAGER = (1, 22)
MORE_EAGER = (4, 6, 9, 13, 18, 21)
# Of code of another shape: positions from the model and from attention, a norm in the head.
FEW_LOOSE = (0, 5)
MORE_LOOSE = (8, 13)
# Of older code: each form of positions, and masks of what is hidden.
FEW_OLDER = (0, 3)
MORE_OLDER = (1, 2, 4, 5, 11)
# All are inferred and proven in the exhaustive tests of whole inferences.
MORE = range(10, 15)


def folder_of(seed: int, folder: Path, style: str = "interface") -> Path:
    """A folder with the code of a seed's architecture."""
    written = folder / f"{style}{seed}"
    write(draw(seed, style), written)
    return written


def failures(
    seed: int, folder: Path, select: Selection = EVERYTHING, style: str = "interface"
) -> dict[str, str]:
    """The checks that a seed's architecture fails with the spec that should describe it."""
    written = folder_of(seed, folder, style)
    spec = Spec.model_validate(truth(draw(seed, style)))
    assert load_code(str(written)) == spec.architecture
    module = written / "adapter.py"
    module.write_text(Renderer([bundled("templates")]).adapter(spec), encoding="utf-8")
    results = run_checks(Subject(spec, str(module)), select.of(ALL))
    return {r.check: r.message for r in results if r.status is Status.FAILED}


@pytest.mark.parametrize("seed", FEW)
def test_the_spec_of_a_variant_passes(seed: int, tmp_path: Path) -> None:
    assert failures(seed, tmp_path, QUICK) == {}


@pytest.mark.parametrize("seed", FEW_EAGER)
def test_the_spec_of_code_that_computes_attention_itself_passes(seed: int, tmp_path: Path) -> None:
    assert failures(seed, tmp_path, QUICK, "eager") == {}


@pytest.mark.full
@pytest.mark.parametrize("seed", MORE_EAGER)
def test_more_code_that_computes_attention_itself_passes(seed: int, tmp_path: Path) -> None:
    assert failures(seed, tmp_path, style="eager") == {}


@pytest.mark.parametrize("seed", FEW_LOOSE)
def test_the_spec_of_code_of_another_shape_passes(seed: int, tmp_path: Path) -> None:
    assert failures(seed, tmp_path, QUICK, "loose") == {}


@pytest.mark.parametrize("seed", FEW_OLDER)
def test_the_spec_of_older_code_passes(seed: int, tmp_path: Path) -> None:
    assert failures(seed, tmp_path, QUICK, "older") == {}


@pytest.mark.full
@pytest.mark.parametrize("seed", MORE_OLDER)
def test_more_older_code_passes(seed: int, tmp_path: Path) -> None:
    assert failures(seed, tmp_path, style="older") == {}


def test_elements_rotate_though_the_pattern_hardly_depends_on_one_of_them(tmp_path: Path) -> None:
    assert failures(28, tmp_path, Selection(only=("claims.rope.pairing",)), "loose") == {}


@pytest.mark.full
@pytest.mark.parametrize("seed", MORE_LOOSE)
def test_more_code_of_another_shape_passes(seed: int, tmp_path: Path) -> None:
    assert failures(seed, tmp_path, style="loose") == {}


@pytest.mark.full
@pytest.mark.parametrize("seed", MORE)
def test_the_specs_of_more_variants_pass_every_check(seed: int, tmp_path: Path) -> None:
    assert failures(seed, tmp_path) == {}


@pytest.mark.full
@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("style", STYLES)
def test_the_specs_of_all_seeds_of_each_style_pass(style: str, seed: int, tmp_path: Path) -> None:
    assert failures(seed, tmp_path, QUICK, style) == {}


def test_every_value_of_every_choice_is_drawn() -> None:
    drawn = [values_of(draw(seed)) for seed in range(60)]
    eager = [values_of(draw(seed, "eager")) for seed in range(60)]
    loose = [values_of(draw(seed, "loose")) for seed in range(60)]
    older = [values_of(draw(seed, "older")) for seed in range(60)]
    for choices, found in ((CHOICES, drawn), (EAGER, eager), (LOOSE, loose), (OLDER, older)):
        for name, options in choices.items():
            missing = set(options) - {values[name] for values in found}
            assert not missing, f"{name}: {missing}"


def test_styles_differ_in_how_code_is_written_and_in_nothing_else() -> None:
    of_style = {*EAGER, *LOOSE, "activation", "nope"}
    for seed in range(20):
        one = values_of(draw(seed))
        for style in ("eager", "loose"):
            two = values_of(draw(seed, style))
            assert {name for name in one if one[name] != two[name]} <= of_style


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    written = [folder_of(7, tmp_path / name) for name in ("one", "two")]
    one, two = ({f.name: f.read_bytes() for f in folder.iterdir()} for folder in written)
    assert one == two
    assert draw(7) == draw(7) != draw(8)
    assert sorted(one) == ["config.json", "configuration_synth7.py", "modeling_synth7.py"]
