"""Experts that are modules in a list: no module runs them all, and what holds them chooses."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adaptergen.components.mlp.infer import mlp
from adaptergen.infer.anatomy import anatomy
from adaptergen.infer.proof import with_changes
from adaptergen.infer.run import infer
from adaptergen.project import bundled
from adaptergen.verify.check import Fact
from adaptergen.verify.checks import claims_mlp
from adaptergen.verify.subject import Subject
from tests.infer.tiny_models import Change, odd, published, refusal, spec_of

pytestmark = pytest.mark.usefixtures("exact")
MLP = "model.layers.0.mlp"
# One MLP for every token beside the experts, and another on a layer without.
SHARED = {"path": "always", "gate": "w1", "in": "w3", "out": "w2", "bias": False}
FACET = {
    "kind": "moe",
    "path": "mlp",
    "router": "router",
    "experts": None,
    "count": "n_experts",
    "shared": {**SHARED, "mix": "always_gate"},
    "dense": {"gate": "gate_proj", "in": "up_proj", "out": "down_proj", "bias": "mlp_bias"},
    "opaque": ["experts"],
    "act": "hidden_act",
}


def test_the_router_of_a_list_of_experts_has_a_logit_for_each() -> None:
    found = published("listed")
    assert mlp(found, anatomy(found)) == FACET


def claimed(**changes: Any) -> list[str]:
    """What a check says of the facet with other values."""
    tiny = published("listed")
    spec = with_changes(spec_of("llama"), mlp={**FACET, **changes})
    facts = list(claims_mlp.mlp.examine(Subject(spec, "", None, tiny.hf)))
    return [fact.message for fact in facts if isinstance(fact, Fact) and not fact.holds]


NO_SUM = "HF's MLP returns other than experts and model.layers.1.mlp.always"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"shared": {**SHARED, "mix": None}}, []),
        (
            {"shared": {**SHARED, "mix": "router"}},
            ["the sigmoid of HF's router does not multiply always"],
        ),
        ({"shared": {**SHARED, "path": "experts.0"}}, [NO_SUM.replace("always", "experts.0")]),
        ({"router": "always_gate"}, ["HF's always_gate does not return logits, weights and"]),
    ],
    ids=["as it is", "a sum without its weights", "other weights", "another sum", "other logits"],
)
def test_claims_about_a_list_of_experts_are_held_against_hf(
    changes: dict[str, Any], said: list[str]
) -> None:
    first = claimed(**changes)[: len(said) or None]
    assert [text[: len(part)] for text, part in zip(first, said, strict=True)] == said


class Scattered(nn.Module):
    """A list of experts, and perhaps a further projection of every token."""

    def __init__(self, logits: int, experts: int, beside: bool) -> None:
        super().__init__()
        self.gate, self.more = nn.Linear(48, logits), nn.Linear(48, 48)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(48, 48)) for _ in range(experts))
        self.beside = beside

    def forward(self, x: Tensor) -> Tensor:
        shares = self.gate(x).softmax(-1)
        each = torch.stack([expert(x) for expert in self.experts], -1)
        mixed = (each * shares[..., None, : len(self.experts)]).sum(-1)
        return mixed + self.more(x) if self.beside else mixed


def counted(config: Any) -> None:
    config.n_experts = getattr(config, "n_experts", 3)


def constant(config: Any) -> None:
    config.n_experts = 3


@pytest.mark.parametrize(
    ("config", "further", "beside", "message"),
    [
        (
            counted,
            1,
            False,
            f"{MLP} should have one router, which returns logits, and one module of experts; found"
            " no router and ['experts']",
        ),
        (counted, 0, True, f"{MLP} adds to its experts what no facet describes"),
        (constant, 0, False, f"no config key gives the 3 experts of {MLP}.experts"),
    ],
    ids=["further logits", "a projection beside", "a constant"],
)
def test_other_list_is_refused(config: Change, further: int, beside: bool, message: str) -> None:
    def scattered(block: Any) -> None:
        number = block.self_attn.config.n_experts
        block.mlp = Scattered(number + further, number, beside)

    found = odd(scattered, config=config)
    assert refusal(lambda: mlp(found, anatomy(found))) == message


@pytest.mark.full
def test_a_list_of_experts_is_proven_with_hooks_on_its_router_and_the_mlp_beside() -> None:
    found = infer(published("listed").architecture, {}, {}, [bundled("templates")])
    assert found.unexplained == []
    assert found.explained
    assert found.spec is not None
    assert list(found.spec.verification.checks) == ["weights.folding"]
