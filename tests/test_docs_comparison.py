"""The page that sets generated adapters beside TransformerLens' own."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from adaptergen.spec.load import LoadedSpec, Loader
from docs.scripts import DOCS, architectures, comparison, measuring, sides
from tests.building import replace

ROOT = DOCS.parent
NONE = {"logits": 0.0, "padded logits": 0.0, "compatibility mode": 1e-6}


def spec_of(name: str) -> LoadedSpec:
    return Loader([str(ROOT / "specs")]).load(str(ROOT / "specs" / f"{name}.yaml"))


def compared(ours: Any, theirs: Any, **changes: Any) -> Any:
    """Of two adapters, each its hooks and what differs from a good one."""
    both = [
        sides.Measured(frozenset(hooks), frozenset(), {**NONE, **differences}, (9, 0))
        for hooks, differences in (ours, theirs)
    ]
    return sides.Comparison("tiny", "TinyForCausalLM", *both, **changes)


@pytest.mark.parametrize(
    ("ours", "theirs", "worse"),
    [
        (0.0, 0.0, False),
        (2e-6, 1e-6, False),
        (2e-4, 1e-6, True),
        (2e-4, 3e-4, False),
        ("refuses", 1e-6, True),
        ("refuses", 0.5, False),
        (0.5, "raises RuntimeError", False),
        ("refuses", "refuses", False),
    ],
)
def test_further_from_hf(ours: Any, theirs: Any, worse: bool) -> None:
    assert sides.is_worse(ours, theirs, 1e-5) is worse


def test_hooks_are_told_by_component() -> None:
    hooks = ["ln1.hook_in", "mlp.in.hook_in", "mlp.in.hook_out", "hook_out"]
    assert comparison.braced(hooks) == "`ln1.hook_in`, `mlp.in.{hook_in, hook_out}`, `hook_out`"


def test_hook_is_missing_where_one_layer_lacks_it() -> None:
    everywhere = {"blocks.0.mlp.hook_a", "blocks.1.mlp.hook_a"}
    found = compared(({"blocks.0.mlp.hook_a"}, {}), (everywhere, {}))
    assert found.only_theirs == ["mlp.hook_a"]
    assert [loss.what for loss in found.losses] == ["mlp.hook_a"]


def test_only_values_that_hf_does_not_side_with_are_losses() -> None:
    apart = (
        sides.Apart("hook_right", 0.5, 0.0, 0.5),
        sides.Apart("hook_wrong", 0.5, 0.5, 0.0),
        sides.Apart("hook_unknown", 0.5),
    )
    found = compared(((), {}), ((), {}), apart=apart)
    assert [loss.what for loss in found.losses] == ["hook_wrong", "hook_unknown"]


def test_same_values_in_another_shape_are_no_loss() -> None:
    heads = torch.arange(24.0).view(1, 2, 3, 4)
    assert measuring._is_reshaped(heads, heads.flatten(2))
    assert measuring._is_reshaped(heads, heads.transpose(1, 2))
    assert not measuring._is_reshaped(heads, heads.flip(1).flatten(2))
    assert not measuring._is_reshaped(heads, heads + 1)
    apart = (sides.Apart("hook_z", float("inf"), shapes="[2, 3], TL's [6]"),)
    found = compared(((), {}), ((), {}), apart=apart)
    assert found.losses == []
    assert "`hook_z` show TL's values in another shape, [2, 3], TL's [6]" in comparison.page(
        [found], [], "transformer_lens 4"
    )


def test_every_loss_is_explained_or_said_to_be_unexplained() -> None:
    explanation = comparison.Explanation("A name", "Because.", ("t*",), ("mlp.router.*",))
    hooks = {"blocks.0.mlp.router.hook_in", "blocks.0.mlp.hook_other"}
    named = {"mlp.router.hook_in": "mlp.gate.hook_in"}
    found = compared(((), {"logits": 0.5}), (hooks, {}), named=named)
    page = comparison.page([found], [explanation], "transformer_lens 4")
    explained, _, rest = page.partition("### Unexplained")
    assert "### A name\n\nBecause." in explained
    assert "of the values that `mlp.gate.hook_in` show here" in explained
    assert "- tiny: `logits` 5.0e-01, TL's 0; `mlp.hook_other` in TL's adapter only" in rest or (
        "`mlp.hook_other` in TL's adapter only; `logits` 5.0e-01, TL's 0" in rest
    )
    assert "2 differences are unexplained" in page


def test_gains_are_told() -> None:
    ours = ({"blocks.0.hook_more"}, {"compatibility mode": "refuses"})
    found = compared(ours, ((), {"logits": 0.25, "compatibility mode": 1.5}))
    page = comparison.page([found], [], "transformer_lens 4")
    _, _, gains = page.partition("## Where the generated adapter")
    assert "`hook_more` fire in the generated adapter only" in gains
    assert "logits 0, TL's 2.5e-01" in gains
    assert "compatibility mode refuses, where TL's is wrong by 1.5e+00" in gains


def test_llama_is_no_different() -> None:
    (found,) = measuring.compared([spec_of("llama")], ROOT / "generated")
    assert found.only_ours == found.only_theirs == []
    assert found.apart == ()
    assert found.losses == []
    assert {"attn.hook_result", "attn.hook_q_input"} <= set(sides.unnumbered(found.ours.hooks))


def changed(tmp_path: Path, name: str, old: str, new: str) -> Path:
    """A folder with the generated module of that name, changed in one place."""
    module = tmp_path / f"{name}.py"
    module.write_text((ROOT / "generated" / f"{name}.py").read_text())
    replace(module, old, new)
    return tmp_path


def test_wrong_module_loses(tmp_path: Path) -> None:
    folder = changed(
        tmp_path, "llama", 'LinearBridge(name="up_proj")', 'LinearBridge(name="gate_proj")'
    )
    (found,) = measuring.compared([spec_of("llama")], folder)
    lost = {loss.what for loss in found.losses}
    assert "mlp.in.hook_out" in lost
    assert "attn.hook_q" not in lost


def test_module_that_does_not_run_loses_everything(tmp_path: Path) -> None:
    folder = changed(tmp_path, "llama", 'name="self_attn"', 'name="attention"')
    (found,) = measuring.compared([spec_of("llama")], folder)
    assert {"attn.hook_q", "logits", "padded logits", "compatibility mode"} <= {
        loss.what for loss in found.losses
    }


def test_hooks_of_another_name_are_recognised_by_their_values(tmp_path: Path) -> None:
    folder = changed(tmp_path, "mixtral", '"gate": MoERouterBridge', '"router": MoERouterBridge')
    (found,) = measuring.compared([spec_of("mixtral")], folder)
    assert found.named["mlp.gate.hook_out"] == "mlp.router.hook_out"


def test_page_has_every_architecture_of_transformer_lens() -> None:
    table = re.findall(r"^\| (\w+) \| \d", (DOCS / "comparison.md").read_text(), re.MULTILINE)
    measured = architectures.committed()
    assert table == [spec for spec, found in measured.items() if found.shipped]


@pytest.mark.full
@pytest.mark.exhaustive
def test_nothing_is_unexplained_and_no_explanation_is_idle() -> None:
    losses = [loss for found in comparison.measured() for loss in found.losses]
    explanations = comparison.explanations()
    unexplained = [loss for loss in losses if not any(e.explains(loss) for e in explanations)]
    assert unexplained == []
    assert [e.title for e in explanations if not any(map(e.explains, losses))] == []
