"""Combinations that no bundled spec has: checks find HF's side of them, and adapters are right."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adaptergen.project import bundled
from adaptergen.render import Renderer
from adaptergen.spec.model import Spec
from adaptergen.verify.checks import ALL
from adaptergen.verify.code import load_code
from adaptergen.verify.record import Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import Selection
from adaptergen.verify.subject import Subject
from tests.infer.variants import draw, truth, write

# Of a plain one: norms before attention and MLP, every layer rotates all of each head.
SEED = 31


def passing(folder: Path, only: set[str], **choices: Any) -> set[str]:
    """The checks that a synthetic architecture passes, with these choices; none may fail."""
    variant = replace(draw(SEED), **choices)
    write(variant, folder)
    load_code(str(folder))
    spec = Spec.model_validate(truth(variant))
    module = folder / "adapter.py"
    module.write_text(Renderer([bundled("templates")]).adapter(spec), encoding="utf-8")
    results = run_checks(Subject(spec, str(module)), Selection(only=tuple(only)).of(ALL))
    assert {r.check: r.message for r in results if r.status is Status.FAILED} == {}
    return {r.check for r in results if r.status is Status.PASSED}


def test_a_multiplied_embedding_is_shown_before_its_norm(tmp_path: Path) -> None:
    choices = {"embedding_norm": "embed_norm", "embedding_key": "embedding_multiplier"}
    checks = {"claims.blocks", "forward.logits", "hooks.stream"}
    assert passing(tmp_path, checks, **choices) == checks


def test_norms_behind_the_rotation_may_be_absent(tmp_path: Path) -> None:
    choices = {"qk_norm": "per_head", "qk_key": "use_qk_norm", "qk_after_rope": True}
    checks = {"hooks.rotation", "variants.flags"}
    assert passing(tmp_path, checks, **choices) == checks


@pytest.mark.parametrize("pairing", ["half", "adjacent"])
@pytest.mark.parametrize("cosines", ["per_element", "per_pair"])
@pytest.mark.parametrize("part", [1.0, 0.5, 0.25])
def test_any_part_of_a_head_rotates_whatever_the_config_calls_it(
    part: float, cosines: str, pairing: str, tmp_path: Path
) -> None:
    """Half as many cosines as a head has elements are for half of it, or for each of its pairs."""
    choices = {"rotary_part": part, "cosines": cosines, "pairing": pairing, "rope_config": "theta"}
    # TL rotates adjacent elements in float32.
    casts = pairing == "adjacent"
    checks = {"claims.rope.pairing", "forward.logits", "hooks.rotation"}
    assert passing(tmp_path, checks, rope_casts=casts, **choices) == checks


@pytest.mark.parametrize("nope", ["list", "handed"])
def test_layers_that_rotate_may_do_so_backward(nope: str, tmp_path: Path) -> None:
    checks = {"claims.rope.layers", "forward.logits", "hooks.rotation"}
    assert passing(tmp_path, checks, nope=nope, backward=True) == checks
