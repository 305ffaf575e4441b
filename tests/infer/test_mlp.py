"""What an MLP computes follows from what it is linear in."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adaptergen.components.mlp.infer import activation, mlp
from adaptergen.infer.anatomy import anatomy
from adaptergen.infer.tiny_model import TinyModel
from adaptergen.verify.components import known_to_tl
from tests.infer.tiny_models import Change, added, first_only, odd, parts, refusal, tiny, unlike

pytestmark = pytest.mark.usefixtures("exact")


@pytest.mark.parametrize("name", ["llama", "bitnet", "phi", "falcon", "phi3", "gemma2"])
def test_mlp_is_that_of_the_spec(name: str) -> None:
    assert unlike(name, mlp=mlp(tiny(name), parts(name))) == {}


@pytest.mark.parametrize("name", ["llama", "phi3", "falcon"])
def test_number_of_hidden_neurons_is_named_where_tl_does_not_know_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, at = tiny(name), parts(name)
    known = known_to_tl(found.architecture, found.hf.model)
    known.d_mlp = None
    monkeypatch.setattr("adaptergen.components.mlp.infer.known_to_tl", lambda *_: known)
    key = "ffn_hidden_size" if name == "falcon" else "intermediate_size"
    assert mlp(found, at)["width"] == key


def other_in_first(block: Any) -> None:
    block.mlp = Mixing()


def test_layers_with_different_mlps_are_told_apart() -> None:
    found = odd(first_only(other_in_first))
    said = "the MLP model.layers.1.mlp has gate_proj.weight, which model.layers.0.mlp lacks"
    assert refusal(lambda: look(found)) == said


def look(found: TinyModel) -> Any:
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


class Summed(nn.Module):
    """A projection added to the product of another with its gate, which is no gated MLP then."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(48, 80), nn.Linear(48, 80)
        self.three = nn.Linear(80, 48)

    def forward(self, x: Tensor) -> Tensor:
        gate = nn.functional.silu(self.one(x))
        result: Tensor = self.three(gate * (self.two(x) + 1))
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
            replaced(Mixing),
            "no facet describes the MLP model.layers.0.mlp: linear layers one, two",
        ),
        (
            replaced(Linear),
            "no facet describes the MLP model.layers.0.mlp: linear layers one, two, three",
        ),
        (
            replaced(Summed),
            "no facet describes the MLP model.layers.0.mlp: linear layers one, two, three",
        ),
        (scaled_output, "no linear layer returns what model.layers.0.mlp returns"),
    ],
    ids=["mixing", "no gate", "a sum", "scaled"],
)
def test_other_mlp_is_refused(change: Change, message: str) -> None:
    found = odd(change)
    assert refusal(lambda: look(found)) == message


def test_a_gate_may_be_the_second_half() -> None:
    found = look(odd(replaced(Swapped)))
    assert (found["kind"], found["gate_in"], found["first"]) == (
        "fused_gated", "gate_up_proj", "in",
    )  # fmt: skip


def scaled_neurons(block: Any) -> None:
    block.mlp.gain = nn.Parameter(torch.ones(80))
    owner = block.mlp
    block.mlp.down_proj.register_forward_pre_hook(lambda _, args: (owner.gain * args[0],))


def test_parameter_that_no_hook_shows_is_named_opaque() -> None:
    assert look(odd(scaled_neurons))["opaque"] == ["gain"]


def test_activation_is_the_key_that_moves_the_mlp() -> None:
    assert activation(tiny("gemma2"), "model.layers.0.mlp") == "hidden_activation"
    fixed = odd(replaced(Swapped), "phi3")
    assert activation(fixed, "model.layers.0.mlp") is None
