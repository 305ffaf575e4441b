"""Combinations that no bundled spec has: checks find HF's side of them, and adapters are right."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adaptergen.project import bundled
from adaptergen.spec.model import Spec
from adaptergen.targets.transformer_lens.render import Renderer
from adaptergen.verify.checks import ALL
from adaptergen.verify.code import load_code
from adaptergen.verify.record import CheckResult, Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.select import Selection
from adaptergen.verify.subject import Subject
from tests.infer.variants import draw, truth, write

# Of a plain one: norms before attention and MLP, every layer rotates all of each head.
SEED = 31


def results(
    folder: Path, only: set[str], choices: dict[str, Any], said: dict[str, Any] | None = None
) -> dict[str, CheckResult]:
    """What checks find in a synthetic architecture with these choices, if attention is said so."""
    variant = replace(draw(SEED), **choices)
    write(variant, folder)
    load_code(str(folder))
    tree = truth(variant)
    tree["attention"] |= said or {}
    spec = Spec.model_validate(tree)
    module = folder / "adapter.py"
    module.write_text(Renderer([bundled("templates")]).adapter(spec), encoding="utf-8")
    found = run_checks(Subject(spec, str(module)), Selection(only=tuple(only)).of(ALL))
    return {result.check: result for result in found}


def passing(folder: Path, only: set[str], **choices: Any) -> set[str]:
    """The checks that a synthetic architecture passes, with these choices; none may fail."""
    found = results(folder, only, choices).values()
    assert {r.check: r.message for r in found if r.status is Status.FAILED} == {}
    return {r.check for r in found if r.status is Status.PASSED}


def test_a_multiplied_embedding_is_shown_before_its_norm(tmp_path: Path) -> None:
    choices = {"embedding_norm": "embed_norm", "embedding_key": "embedding_multiplier"}
    checks = {"claims.blocks", "forward.logits", "hooks.stream"}
    assert passing(tmp_path, checks, **choices) == checks


def test_norms_behind_the_rotation_may_be_absent(tmp_path: Path) -> None:
    choices = {"qk_norm": "per_head", "qk_key": "use_qk_norm", "qk_after_rope": True}
    checks = {"hooks.rotation", "variants.flags"}
    assert passing(tmp_path, checks, **choices) == checks


@pytest.mark.parametrize(
    ("part", "cosines", "pairing"),
    [
        (1.0, "per_pair", "half"),
        (1.0, "per_pair", "adjacent"),
        (0.5, "per_element", "half"),
        (0.5, "per_element", "adjacent"),
        (0.5, "per_pair", "half"),
        (0.25, "per_pair", "adjacent"),
    ],
)
def test_any_part_of_a_head_rotates_whatever_the_config_calls_it(
    part: float, cosines: str, pairing: str, tmp_path: Path
) -> None:
    """Half as many cosines as a head has elements are for half of it, or for each of its pairs."""
    choices = {"rotary_part": part, "cosines": cosines, "pairing": pairing, "rope_config": "theta"}
    # TL rotates adjacent elements in float32.
    casts = pairing == "adjacent"
    checks = {"claims.rope.pairing", "forward.logits", "hooks.rotation"}
    assert passing(tmp_path, checks, rope_casts=casts, **choices) == checks


# Code that computes attention by itself.
OWN = {"style": "loose", "softmax": "function", "masks": "lowest"}


def test_arguments_of_attention_may_come_by_place(tmp_path: Path) -> None:
    """Also where the bridge does something to some of them before TL has them."""
    checks = {"forward.logits", "hooks.rotation"}
    assert passing(tmp_path, checks, **OWN, call="positional", nope="list") == checks


@pytest.mark.parametrize("window", ["none", "config", "flag"])
def test_attention_may_make_its_own_mask(window: str, tmp_path: Path) -> None:
    checks = {"claims.window", "forward", "hooks.pattern", "cache"}
    found = passing(tmp_path, checks, **OWN, mask_in="attention", window=window)
    assert found >= {"claims.window", "forward.logits", "cache.prefill", "cache.generate"}


@pytest.mark.parametrize("nope", ["all", "list", "window"])
def test_positions_may_be_computed_inside_of_attention(nope: str, tmp_path: Path) -> None:
    choices = {"rotary_in": "attention", "nope": nope, "window": "flag", "backward": nope == "all"}
    checks = {"claims.rope.layers", "claims.rope.pairing", "forward.logits", "hooks.rotation"}
    checks |= {"cache.prefill"}
    assert passing(tmp_path, checks, **OWN, **choices) == checks


@pytest.mark.parametrize(
    ("inside", "said", "complaint"),
    [
        ("attention", None, "HF's rotary_emb computes cosines and sines, not the model"),
        ("model", "rotary_emb", "HF's model computes cosines and sines, not rotary_emb"),
    ],
)
def test_where_positions_are_computed_is_claimed(
    inside: str, said: str | None, complaint: str, tmp_path: Path
) -> None:
    choices = {**OWN, "rotary_in": inside, "rotary": "rotary_emb"}
    rope = {"pairing": "half", "layers": "all", "module": said}
    (found,) = results(tmp_path, {"claims.rope.layers"}, choices, {"rope": rope}).values()
    assert complaint in found.message
    assert found.claim == "attention.rope.module"


@pytest.mark.parametrize(
    ("inside", "complaint"),
    [("attention", "HF's attention makes its own mask"), ("model", "HF hands attention its mask")],
)
def test_who_makes_the_mask_is_claimed(inside: str, complaint: str, tmp_path: Path) -> None:
    choices, wrong = {**OWN, "mask_in": inside}, {"own_mask": inside == "model"}
    (found,) = results(tmp_path, {"claims.window"}, choices, wrong).values()
    assert complaint in found.message
    assert found.claim == "attention.own_mask"


def test_attention_may_have_its_own_names_for_numbers(tmp_path: Path) -> None:
    keys = {"scale_key": "softmax_scale", "softcap_key": "attention_cap"}
    names = {"scale_name": "scale", "cap_name": "score_limit"}
    checks = {"claims.named", "forward.logits", "hooks.pattern"}
    assert passing(tmp_path, checks, **OWN, **keys, **names) == checks


@pytest.mark.parametrize("key", ["scale", "softcap"])
def test_names_of_numbers_must_be_there(key: str, tmp_path: Path) -> None:
    (found,) = results(tmp_path, {"claims.named"}, OWN, {key: "nosuch"}).values()
    assert "HF's attention has no attribute 'nosuch'" in found.message
    assert found.claim == f"attention.{key}"


def test_a_sink_is_no_key_of_a_pattern_that_nobody_returns(tmp_path: Path) -> None:
    checks = {"hooks.pattern", "hooks.inventory"}
    assert passing(tmp_path, checks, **OWN, sinks=True, returns=("output",)) == checks


@pytest.mark.parametrize("nope", ["list", "handed"])
def test_layers_that_rotate_may_do_so_backward(nope: str, tmp_path: Path) -> None:
    checks = {"claims.rope.layers", "forward.logits", "hooks.rotation"}
    assert passing(tmp_path, checks, nope=nope, backward=True) == checks
