"""From a model to its proven spec, and what is left to HuggingFace where no facet describes it."""

import re
from pathlib import Path
from typing import Any

import pytest

from adaptergen.errors import Unusable
from adaptergen.infer import run
from adaptergen.infer.finding import Findings
from adaptergen.infer.left_to_hf import NOTHING, LeftToHf
from adaptergen.infer.run import Inference, infer
from adaptergen.infer.source import source
from adaptergen.project import bundled
from adaptergen.spec.compare import differences
from adaptergen.spec.model import Spec
from adaptergen.verify.record import CheckResult, Status
from tests.conftest import rarely
from tests.infer.drawing import STYLES
from tests.infer.tiny_models import spec_of, tiny
from tests.infer.variants import draw, truth, write

# What has to be told of a class by hand, in other words than a probe has.
WORDS = ("summary", "tokenizer", "tiny", "verification", "architecture", "model_type")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The first seed of each style in every full run, the others where time is no object."""
    if "seed" in metafunc.fixturenames:
        seeds = metafunc.config.getoption("seeds")
        metafunc.parametrize("seed", rarely(seeds, 1, pytest.mark.exhaustive))


def inferred(argument: str, **fixed: Any) -> Inference:
    meant = source(argument, trust_remote_code=True)
    return infer(meant.architecture, meant.given, fixed, [bundled("templates")])


def unlike(one: Spec, found: Inference) -> dict[str, tuple[Any, Any]]:
    """Where a spec says of its model something else than what was inferred."""
    assert found.spec is not None
    apart = [d for d in differences(one, found.spec, ignoring=WORDS) if d.semantic]
    return {d.path: (d.left, d.right) for d in apart}


@pytest.mark.full
def test_bundled_class_is_inferred_and_proven() -> None:
    found = inferred("Qwen2ForCausalLM")
    assert found.unexplained == []
    assert found.explained
    assert {result.status for result in found.results} == {Status.PASSED, Status.SKIPPED}
    assert unlike(spec_of("qwen2"), found) == {}


# Falcon-11B's and Falcon-40B's. HF does not run the larger with another of its switches flipped.
ONE_NORM = {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 1}
TWO_NORMS = {"new_decoder_architecture": True, "num_attention_heads": 128}


@pytest.mark.full
@pytest.mark.parametrize(
    ("given", "tiny"), [(ONE_NORM, {**ONE_NORM, "num_kv_heads": 2}), (TWO_NORMS, {})]
)
def test_switches_of_a_checkpoint_hide_nothing_that_others_decide(
    given: dict[str, Any], tiny: dict[str, Any]
) -> None:
    sizes = {"hidden_size": 4096, "num_attention_heads": 32, "num_kv_heads": 8}
    found = infer("FalconForCausalLM", {**sizes, **given}, {}, [bundled("templates")])
    assert found.explained
    assert unlike(spec_of("falcon"), found) == {}
    assert found.spec is not None
    assert found.spec.tiny.items() >= tiny.items()


@pytest.mark.full
@pytest.mark.parametrize("style", STYLES)
def test_synthetic_model_is_inferred_as_it_was_made(style: str, seed: int, tmp_path: Path) -> None:
    variant = draw(seed, style)
    write(variant, tmp_path / "model")
    found = inferred(str(tmp_path / "model"))
    assert found.unexplained == []
    assert found.explained
    assert unlike(Spec.model_validate(truth(variant)), found) == {}


# The reasons of what is left to HF, by class, and the hooks that they cost.
INSIDE = "inside of attention no hook fires"
BETWEEN = (
    "hooks on rotated queries and keys and the input of single heads do not fire; nor do those on"
    " scores where several softmaxes make the pattern"
)
LEFT = {
    "DiffLlamaForCausalLM": {
        "Attention computes with lambda_k1, lambda_k2, lambda_q1, lambda_q2, which no facet"
        " describes.": BETWEEN,
    },
    "DogeForCausalLM": {
        "Linear layers of attention do not play one part each: q_proj: q, k_proj: k, v_proj: k,"
        " dt_proj: k, o_proj: o.": INSIDE,
        "No facet describes what input_residual, post_attention_residual do to the residual stream"
        " in model.layers.0.": "hooks of a block do not add up to its output",
    },
    "MiMoV2FlashForCausalLM": {
        "Attention's k_proj.weight is [64, 48] in model.layers.1.self_attn, [32, 48] in"
        " model.layers.0.self_attn.": INSIDE,
    },
}


@pytest.mark.full
@pytest.mark.parametrize("name", LEFT)
def test_class_without_facets_is_proven_with_parts_left_to_hf(name: str) -> None:
    found = inferred(name)
    assert (found.unexplained, found.proven, found.explained) == ([], True, False)
    assert dict(found.left_to_hf.made) == LEFT[name]


def edited(seed: int, folder: Path, *replacements: tuple[str, str]) -> Inference:
    """What becomes of the code of a synthetic model with texts replaced."""
    write(draw(seed), folder)
    path = folder / f"modeling_synth{seed}.py"
    text = path.read_text(encoding="utf-8")
    for old, new in replacements:
        text, times = re.subn(old, new, text, flags=re.DOTALL)
        assert times, old
    path.write_text(text, encoding="utf-8")
    return inferred(str(folder))


WHOLE_MLP = "inside of the MLP no hook fires"
IN_BLOCK = r"(self\.residual_scale = config)"
IN_ATTENTION = r"(self\.ln_q = )"
NORMED = r"(query, key = self\.ln_q\(query\), self\.ln_k\(key\))"
NEW_LINE = r"\n        \1"
PARAMETER = "self.odd = nn.Parameter(torch.ones({}))" + NEW_LINE
# What is replaced in the code of a model, the reason that then is given, and the hooks it costs.
ODD: dict[str, tuple[list[tuple[str, str]], str, str]] = {
    "the gate comes second in one layer": (
        [
            (r"(self\.act_fn = )", "self.swapped = swapped" + NEW_LINE),
            (r"(class Synth7MLP.*?config: Synth7Config)", r"\1, swapped=False"),
            (r"Synth7MLP\(config\)", "Synth7MLP(config, layer_idx == 2)"),
            (r"(hidden = self\.act_fn)", "gate, up = (up, gate) if self.swapped else (gate, up)"
             + NEW_LINE),
        ],
        "The check claims.mlp fails: layer 2 the first half of HF's gate_up_proj is not the gate",
        WHOLE_MLP,
    ),
    "neurons have a factor": (
        [
            (r"(self\.act_fn = ACT2FN)", PARAMETER.format("hidden")),
            (r"act_fn\(gate\) \* up", "act_fn(gate) * up * self.odd"),
        ],
        "The check forward.logits fails: the output differs from HF",
        WHOLE_MLP,
    ),
    "the residual stream has a factor": (
        [
            (IN_BLOCK, PARAMETER.format("config.n_embd")),
            (r"return residual \+", "return self.odd * residual +"),
        ],
        "No facet describes what odd do to the residual stream in transformer.h.0.",
        "hooks of a block do not add up to its output",
    ),
    "queries have a factor": (
        [
            (IN_ATTENTION, PARAMETER.format("self.head_dim")),
            (NORMED, r"\1\n        query = query * self.odd"),
        ],
        "Attention computes with odd, which no facet describes.",
        BETWEEN,
    ),
    "each head has a factor and looks as if it had a sink": (
        [
            (IN_ATTENTION, PARAMETER.format("self.num_heads")),
            (NORMED, r"\1\n        query = query * self.odd[:, None]"),
        ],
        "The check forward.logits fails: the output differs from HF",
        BETWEEN,
    ),
    "one layer sees fewer tokens": (
        [
            (
                r"(attention_interface: Callable)",
                "near = torch.full((key.shape[2],) * 2, -1e4, dtype=key.dtype).tril(-5)\n        "
                "if attention_mask is not None and self.layer_idx == 1:\n            "
                "attention_mask = attention_mask + near[-query.shape[2] :]" + NEW_LINE,
            )
        ],
        "Layers see {0: 8, 1: 5, 2: 8, 3: 24} tokens, by a rule that no facet describes.",
        BETWEEN,
    ),
}  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize("name", rarely(ODD, 1, pytest.mark.exhaustive))
def test_odd_model_is_proven_with_the_odd_part_left_to_hf(name: str, tmp_path: Path) -> None:
    replacements, reason, cost = ODD[name]
    found = edited(7, tmp_path / "model", *replacements)
    assert (found.unexplained, found.proven, found.explained) == ([], True, False)
    ((said, lost),) = found.left_to_hf.made
    assert said.startswith(reason)
    assert lost == cost


def test_class_that_hf_does_not_run_small_is_refused() -> None:
    with pytest.raises(Unusable, match="no small model of T5ForConditionalGeneration"):
        inferred("T5ForConditionalGeneration")


PASSED = CheckResult("forward.logits", "forward", Status.PASSED)


def failure(check: str, claim: str = "") -> CheckResult:
    return CheckResult(check, check.partition(".")[0], Status.FAILED, "off", claim=claim)


def attempt(left_to_hf: LeftToHf, *results: CheckResult) -> Inference:
    """A spec was found, and its adapter verified with these results."""
    return Inference("LlamaForCausalLM", spec_of("llama"), Findings(), results, left_to_hf)


def unseen(left_to_hf: LeftToHf, part: str) -> Inference:
    """No spec was found, for something in that part of the model."""
    findings = Findings(unexplained=["something odd"])
    return Inference("LlamaForCausalLM", None, findings, (), left_to_hf, part)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets attempts end as a function of what is left to HF says; returns what was left to HF."""

    def use(ending: Any) -> list[LeftToHf]:
        made: list[LeftToHf] = []

        def prepared(_: Any, __: Any, ___: Any, left_to_hf: LeftToHf, ____: Any) -> Inference:
            made.append(left_to_hf)
            return ending(left_to_hf)  # type: ignore[no-any-return]

        monkeypatch.setattr(run, "_attempt", prepared)
        monkeypatch.setattr(run, "shrunk", lambda *_: tiny("llama"))
        return made

    return use


def ended() -> Inference:
    return infer("LlamaForCausalLM", {}, {}, [])


def test_what_is_proven_at_once_concedes_nothing(attempts: Any) -> None:
    made = attempts(lambda left_to_hf: attempt(left_to_hf, PASSED))
    assert ended().explained
    assert made == [NOTHING]


def test_a_part_that_is_not_seen_through_is_conceded(attempts: Any) -> None:
    made = attempts(lambda c: attempt(c, PASSED) if c.mlp else unseen(c, "mlp"))
    found = ended()
    assert (found.proven, found.explained) == (True, False)
    assert made == [NOTHING, LeftToHf(mlp="Something odd.")]


def test_attention_is_conceded_in_two_steps(attempts: Any) -> None:
    made = attempts(
        lambda c: attempt(c, PASSED) if c.attention else attempt(c, failure("forward.logits"))
    )
    assert ended().proven
    reason = "The check forward.logits fails: off."
    assert made[1:] == [
        LeftToHf(projections=reason),
        LeftToHf(projections=reason, attention=reason),
    ]


def test_several_parts_are_conceded_one_after_the_other(attempts: Any) -> None:
    def ending(left_to_hf: LeftToHf) -> Inference:
        part = next((p for p in ("mlp", "block") if not getattr(left_to_hf, p)), "")
        return unseen(left_to_hf, part) if part else attempt(left_to_hf, PASSED)

    attempts(ending)
    assert ended().left_to_hf == LeftToHf(mlp="Something odd.", block="Something odd.")


def test_conceding_that_does_not_help_is_not_done(attempts: Any) -> None:
    attempts(lambda left_to_hf: attempt(left_to_hf, failure("forward.logits")))
    found = ended()
    assert (found.proven, found.left_to_hf) == (False, NOTHING)
    assert found.unexplained == ["forward.logits: off"]


def test_what_no_part_is_blamed_for_is_not_conceded(attempts: Any) -> None:
    made = attempts(lambda left_to_hf: unseen(left_to_hf, ""))
    found = ended()
    assert (found.spec, found.unexplained) == (None, ["something odd"])
    assert made == [NOTHING]
