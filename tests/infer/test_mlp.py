"""What an MLP computes follows from what it is linear in."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adaptergen.infer.anatomy import anatomy
from adaptergen.infer.mlp import activation, mlp
from adaptergen.infer.world import World
from tests.infer.worlds import Change, added, odd, parts, refusal, unlike, world

pytestmark = pytest.mark.usefixtures("exact")


@pytest.mark.parametrize("name", ["llama", "bitnet", "phi", "falcon", "phi3", "gemma2"])
def test_mlp_is_that_of_the_spec(name: str) -> None:
    assert unlike(name, mlp=mlp(world(name), parts(name))) == {}


def look(found: World) -> Any:
    return mlp(found, anatomy(found))


class Swapped(nn.Module):
    """A fused gated MLP whose gate is the second half."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_up_proj, self.down_proj = nn.Linear(48, 160), nn.Linear(80, 48)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.gate_up_proj(x).chunk(2, dim=-1)
        result: Tensor = self.down_proj(value * nn.functional.silu(gate))
        return result


class Mixing(nn.Module):
    """A plain MLP whose hidden neurons depend on each other."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(48, 80), nn.Linear(80, 48)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.two(self.one(x).softmax(-1))
        return result


class Linear(nn.Module):
    """Two projections multiplied with each other, without any activation."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(48, 80), nn.Linear(48, 80)
        self.three = nn.Linear(80, 48)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.three(self.one(x) * self.two(x))
        return result


def replaced(module: type[nn.Module]) -> Change:
    def change(block: Any) -> None:
        block.mlp = module()

    return change


def scaled_output(block: Any) -> None:
    block.mlp.gain = nn.Parameter(torch.ones(48))
    added(block.mlp, lambda owner, given, output: owner.gain * output)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            replaced(Swapped),
            "no facet describes the MLP model.layers.0.mlp: linear layers gate_up_proj, down_proj",
        ),
        (
            replaced(Mixing),
            "no facet describes the MLP model.layers.0.mlp: linear layers one, two",
        ),
        (
            replaced(Linear),
            "no facet describes the MLP model.layers.0.mlp: linear layers one, two, three",
        ),
        (scaled_output, "no linear layer returns what model.layers.0.mlp returns"),
    ],
    ids=["gate last", "mixing", "no gate", "scaled"],
)
def test_other_mlp_is_refused(change: Change, message: str) -> None:
    found = odd(change)
    assert refusal(lambda: look(found)) == message


def scaled_neurons(block: Any) -> None:
    block.mlp.gain = nn.Parameter(torch.ones(80))
    owner = block.mlp
    block.mlp.down_proj.register_forward_pre_hook(lambda _, args: (owner.gain * args[0],))


def test_parameter_that_no_hook_shows_is_named_opaque() -> None:
    assert look(odd(scaled_neurons))["opaque"] == ["gain"]


def test_activation_is_the_key_that_moves_the_mlp() -> None:
    assert activation(world("gemma2"), "model.layers.0.mlp") == "hidden_activation"
    fixed = odd(replaced(Swapped), "phi3")
    assert activation(fixed, "model.layers.0.mlp") is None
