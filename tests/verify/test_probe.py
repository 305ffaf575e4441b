"""Probes tell parts apart by what they do."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from adaptergen.verify import probe
from adaptergen.verify.amplify import amplify
from adaptergen.verify.check import largest_difference
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import MissingError, Once, UnavailableError, one_line
from adaptergen.verify.precision import comparable
from adaptergen.verify.stages import rotated
from tests.verify.conftest import hf_model

WIDTH = 12


class Offset(nn.Module):
    """RMSNorm that scales by one plus its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(WIDTH, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return (1 + self.weight) * x / x.pow(2).mean(-1, keepdim=True).sqrt()


@pytest.mark.parametrize(
    ("norm", "kind"),
    [
        (nn.RMSNorm(WIDTH), "RMS"),
        (nn.LayerNorm(WIDTH), "LN"),
        (nn.LayerNorm(WIDTH, elementwise_affine=False), "LN"),
        (Offset(), "RMS"),
        (nn.Identity(), "none"),
        (nn.Linear(WIDTH, WIDTH), "none"),
    ],
    ids=lambda value: str(value).partition("(")[0],
)
def test_norm_kind(norm: nn.Module, kind: str) -> None:
    assert probe.norm_kind(norm.double(), WIDTH) == kind


def test_offset_and_bias_remain_without_weight() -> None:
    assert float(probe.norm_without_weight(nn.RMSNorm(WIDTH).double(), WIDTH).abs().max()) == 0
    assert float(probe.norm_without_weight(Offset(), WIDTH).abs().max()) > 0
    biased = nn.LayerNorm(WIDTH).double()
    amplify(biased)
    assert float(probe.norm_without_weight(biased, WIDTH).abs().max()) > 0


def test_layers_of_smollm3() -> None:
    hf = hf_model("smollm3")
    layers = [f"model.layers.{i}" for i in range(4)]
    with comparable():
        assert [probe.rotates(hf, layer) for layer in layers] == [True, True, True, False]
        assert [probe.reach(hf, layer, hf.call(layer)) for layer in layers] == [24, 24, 24, 8]


@pytest.mark.parametrize("activation", ["silu", "relu", "tanh", "gelu"])
def test_gate_and_input(activation: str) -> None:
    hf = HfModel("LlamaForCausalLM", {**hf_model("llama").settings, "hidden_act": activation})
    mlp = "model.layers.0.mlp"
    with comparable():
        assert probe.gated_by(hf, mlp, f"{mlp}.gate_proj", f"{mlp}.up_proj")
        assert not probe.gated_by(hf, mlp, f"{mlp}.up_proj", f"{mlp}.gate_proj")


@pytest.mark.parametrize(("first", "second", "same"), [(0, 8, True), (0, 1, False)])
def test_planes_of_rotation(first: int, second: int, same: bool) -> None:
    hf = hf_model("llama")
    attention = "model.layers.0.self_attn"
    readers = {f"{attention}.q_proj": 16, f"{attention}.k_proj": 16}
    with comparable():
        pairs = torch.tensor([[first, second]])
        assert probe.commutes_with_rotation(hf, attention, readers, pairs) is same


def test_rotation_turns_pairs_half_a_head_apart() -> None:
    heads = torch.tensor([1.0, 0.0, 0.0, 2.0], dtype=torch.float64).reshape(1, 1, 1, 4)
    quarter = torch.zeros(1, 1, 4, dtype=torch.float64), torch.ones(1, 1, 4, dtype=torch.float64)
    assert rotated(heads, *quarter).flatten().tolist() == [0.0, -2.0, 1.0, 0.0]


def test_softmax_stays_in_float64_only_while_comparing() -> None:
    rows = torch.full((1, 3), torch.finfo(torch.float64).min, dtype=torch.float64)
    assert nn.functional.softmax(rows, dim=-1, dtype=torch.float32).isnan().all()
    with comparable():
        kept = nn.functional.softmax(rows, dim=-1, dtype=torch.float32)
        assert kept.dtype is torch.float64
        assert kept.isfinite().all()
        single = nn.functional.softmax(rows.float(), dim=-1, dtype=torch.float32)
        assert single.dtype is torch.float32


def test_amplified_weights_are_the_same_ones_each_time() -> None:
    one, other = nn.Linear(5, 7).double(), nn.Linear(5, 7).double()
    other.load_state_dict(one.state_dict())
    amplify(one)
    amplify(other)
    assert torch.equal(one.weight, other.weight)
    assert one.bias.abs().min() > 0


def test_largest_difference_is_infinite_for_other_shapes_and_for_nan() -> None:
    zeros = torch.zeros(2, 3)
    assert largest_difference(zeros, torch.zeros(3, 2)) == float("inf")
    assert largest_difference(zeros, torch.full((2, 3), float("nan"))) == float("inf")
    assert largest_difference(zeros[:0], zeros[:0]) == 0.0
    assert largest_difference(zeros, zeros + 0.5) == 0.5


def test_what_failed_once_fails_again_without_being_made_again() -> None:
    once, attempts = Once(), []

    def make() -> None:
        attempts.append(1)
        raise ValueError("first line\nsecond line")

    for _ in range(2):
        with pytest.raises(UnavailableError, match="ValueError: first line second line"):
            once.get("the thing", make)
    assert len(attempts) == 1


def test_missing_things_speak_for_themselves() -> None:
    assert one_line(MissingError("no such module")) == "no such module"
    assert one_line(RuntimeError()) == "RuntimeError"
    assert len(one_line(ValueError("x" * 999))) < 300


def test_records_and_reports_need_no_torch() -> None:
    code = (
        "import sys; from adaptergen.verify import jobs, report, table;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
