"""Probes tell parts apart by what they do."""

import subprocess
import sys
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from adaptergen.components.attention.reimplemented.rotation import pairs, rotated
from adaptergen.verify import probe
from adaptergen.verify.amplify import amplify
from adaptergen.verify.call import Call
from adaptergen.verify.check import largest_difference
from adaptergen.verify.hf import HfModel
from adaptergen.verify.once import MissingError, one_line
from adaptergen.verify.positions import rotates
from adaptergen.verify.precision import comparable
from tests.verify.conftest import hf_model

WIDTH = 12
GIVEN = torch.randn(2, 7, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


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
    assert probe.norm_kind(norm.double(), GIVEN) == kind


class OfNoLinear(nn.Module):
    """A projection without the class."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, WIDTH))
        self.bias = nn.Parameter(torch.randn(5))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias


@pytest.mark.parametrize(
    ("module", "linear"),
    [
        (nn.Linear(WIDTH, 5), True),
        (OfNoLinear(), True),
        (nn.Embedding(5, WIDTH), False),
        (nn.LayerNorm(WIDTH), False),
        # Norms of each head with a weight and a bias of its own.
        (nn.LayerNorm((7, WIDTH)), False),
        (nn.LayerNorm((7, WIDTH), bias=False), False),
    ],
    ids=str,
)
def test_what_is_linear_is_its_weight(module: nn.Module, linear: bool) -> None:
    given = torch.zeros(2, 7, dtype=torch.long) if isinstance(module, nn.Embedding) else GIVEN
    with torch.no_grad():
        returned = module.double()(given)
    hf = SimpleNamespace(module=lambda _: module, call=lambda _: Call((given,), {}, returned))
    assert probe.is_linear(cast("HfModel", hf), "some.path") is linear


@pytest.mark.parametrize(
    ("norm", "weight", "bias"),
    [
        (nn.RMSNorm(WIDTH), "scale", False),
        (nn.RMSNorm(WIDTH, elementwise_affine=False), "none", False),
        (nn.LayerNorm(WIDTH), "scale", True),
        (nn.LayerNorm(WIDTH, bias=False), "scale", False),
        (nn.LayerNorm(WIDTH, elementwise_affine=False), "none", False),
        (Offset(), "offset", False),
    ],
    ids=lambda value: str(value).partition("(")[0],
)
def test_norm_parameters(norm: nn.Module, weight: str, bias: bool) -> None:
    amplify(norm.double())
    before = {name: value.clone() for name, value in norm.named_parameters()}
    assert probe.norm_parameters(norm, GIVEN) == (weight, bias)
    for name, value in norm.named_parameters():
        assert torch.equal(value, before[name])


def test_layers_of_smollm3() -> None:
    hf = hf_model("smollm3")
    layers = [f"model.layers.{i}" for i in range(4)]
    with comparable():
        assert [rotates(hf, layer) for layer in layers] == [True, True, True, False]
        assert [probe.reach(hf, layer) for layer in layers] == [24, 24, 24, 8]


@pytest.mark.parametrize("activation", ["silu", "relu", "tanh", "gelu"])
def test_gate_and_input(activation: str) -> None:
    hf = HfModel("LlamaForCausalLM", {**hf_model("llama").settings, "hidden_act": activation})
    mlp = "model.layers.0.mlp"
    gate, up = (f"{mlp}.gate_proj", None), (f"{mlp}.up_proj", None)
    with comparable():
        assert probe.gated_by(hf, mlp, gate, up, f"{mlp}.down_proj")
        assert not probe.gated_by(hf, mlp, up, gate, f"{mlp}.down_proj")


def test_gate_and_input_in_one_projection() -> None:
    hf, mlp = hf_model("phi3"), "model.layers.0.mlp"
    first, second = (part for part in torch.arange(160).chunk(2))
    gate, up = (f"{mlp}.gate_up_proj", first), (f"{mlp}.gate_up_proj", second)
    with comparable():
        assert probe.gated_by(hf, mlp, gate, up, f"{mlp}.down_proj")
        assert not probe.gated_by(hf, mlp, up, gate, f"{mlp}.down_proj")


def test_hidden_elements_of_an_mlp_without_a_gate_follow_one_by_one() -> None:
    hf, mlp = hf_model("starcoder2"), "model.layers.0.mlp"
    with comparable():
        assert probe.hidden_by_element(hf, mlp, f"{mlp}.c_fc", f"{mlp}.c_proj")
        assert not probe.hidden_by_element(hf, mlp, f"{mlp}.c_proj", f"{mlp}.c_fc")


@pytest.mark.parametrize(("first", "second", "same"), [(0, 8, True), (0, 1, False)])
def test_planes_of_rotation(first: int, second: int, same: bool) -> None:
    hf = hf_model("llama")
    attention = "model.layers.0.self_attn"
    readers = {f"{attention}.q_proj": None, f"{attention}.k_proj": None}
    with comparable():
        plane = torch.tensor([[first, second]])
        edit = probe.turned_in(plane)
        assert probe.keeps_pattern(hf, attention, readers, 16, edit) is same


@pytest.mark.parametrize(("element", "still"), [(0, False), (5, False), (6, True), (11, True)])
def test_elements_that_rotate(element: int, still: bool) -> None:
    hf = hf_model("phi")
    attention = "model.layers.0.self_attn"
    readers = {f"{attention}.q_proj": None, f"{attention}.k_proj": None}
    with comparable():
        edit = probe.mirrored([element])
        assert probe.keeps_pattern(hf, attention, readers, 12, edit) is still


@pytest.mark.parametrize(
    ("pairing", "planes"), [("half", [[0, 2], [1, 3]]), ("adjacent", [[0, 1], [2, 3]])]
)
def test_elements_that_rotate_together(pairing: str, planes: list[list[int]]) -> None:
    assert pairs(pairing, 4).tolist() == planes


@pytest.mark.parametrize(
    ("pairing", "turned"),
    [
        ("half", [0.0, -2.0, 1.0, 0.0, 7.0]),
        ("adjacent", [0.0, 1.0, -2.0, 0.0, 7.0]),
        ("interleaved", [0.0, 1.0, -2.0, 0.0, 7.0]),
    ],
)
def test_rotation_turns_pairs_and_leaves_the_rest(pairing: str, turned: list[float]) -> None:
    heads = torch.tensor([1.0, 0.0, 0.0, 2.0, 7.0], dtype=torch.float64).reshape(1, 1, 1, 5)
    quarter = torch.zeros(1, 1, 4, dtype=torch.float64), torch.ones(1, 1, 4, dtype=torch.float64)
    assert rotated(heads, *quarter, pairing).flatten().tolist() == turned


def test_norms_without_weight_for_a_while_have_it_back_afterwards() -> None:
    norm = nn.RMSNorm(WIDTH).double()
    amplify(norm)
    kept = norm.weight.detach().clone()
    with probe.unweighted([norm]):
        assert norm.weight.tolist() == [1.0] * WIDTH
    assert torch.equal(norm.weight, kept)


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
