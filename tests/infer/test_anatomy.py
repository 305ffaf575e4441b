"""The parts of a model are found by what they compute."""

from typing import Any

import pytest
import torch
from torch import nn

from adaptergen.infer.anatomy import anatomy, is_norm
from tests.infer.tiny_models import (
    Change,
    added,
    as_it_is,
    attention,
    first_only,
    odd,
    parts,
    refusal,
    spec_of,
    tiny,
)

pytestmark = pytest.mark.usefixtures("exact")


class Shifting(nn.Module):
    """Each token gets something of the one before it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.roll(1, 1) @ self.weight


@pytest.mark.parametrize(
    "name",
    ["llama", "falcon", "gpt_neox", "nanochat", "deepseek_v3", "granitemoeshared", "gemma3"],
)
def test_parts_are_where_the_spec_has_them(name: str) -> None:
    spec, found = spec_of(name), parts(name)
    for part, path in spec.paths.model_dump().items():
        assert getattr(found, part) == path, part
    assert found.embedding_norm == spec.embedding_norm
    assert (found.attention, found.mlp) == (spec.attention.path, spec.mlp.path)
    assert found.side_mlp == (spec.side_mlp.path if spec.side_mlp else None)


@pytest.mark.parametrize(
    ("path", "normalises"),
    [
        ("input_layernorm", True),
        ("mlp", False),
        ("mlp.act_fn", False),
        ("self_attn.q_proj", False),
    ],
)
def test_norm_is_what_normalises(path: str, normalises: bool) -> None:
    assert is_norm(tiny("llama"), f"model.layers.0.{path}") is normalises


def test_norm_of_each_head_is_one() -> None:
    assert is_norm(tiny("stablelm"), "model.layers.0.input_layernorm")
    assert is_norm(tiny("nanochat"), f"{attention('nanochat')}.q_norm")


def second_mixer(block: Any) -> None:
    block.mixer = Shifting(block.hidden_size)
    added(block, lambda owner, given, output: output + owner.mixer(given))


def no_mlp(block: Any) -> None:
    block.mlp = nn.Identity()


def three_mlps(block: Any) -> None:
    block.one, block.two = (nn.Linear(block.hidden_size, block.hidden_size) for _ in range(2))
    added(block, lambda owner, given, output: output + owner.one(given) + owner.two(given))


def parts_of_mlp(block: Any) -> None:
    no_mlp(block)
    block.into, block.out = nn.Linear(block.hidden_size, 8), nn.Linear(8, block.hidden_size)
    added(block, lambda owner, given, output: output + owner.out(owner.into(given)))


def boxed(block: Any) -> None:
    """The block returns a mapping; who reads it takes its value out."""
    block.register_forward_pre_hook(lambda _, args: (unboxed(args[0]), *args[1:]))
    block.register_forward_hook(lambda owner, args, output: {"hidden": output})


def unboxed(given: Any) -> Any:
    return given["hidden"] if isinstance(given, dict) else given


def renamed(block: Any) -> None:
    block.feed_forward = block.mlp
    del block.mlp
    # The class asks for it by its old name.
    object.__setattr__(block, "mlp", block.feed_forward)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            second_mixer,
            "one module of model.layers.0 should mix tokens, found: self_attn, mixer",
        ),
        (no_mlp, "one module of model.layers.0 should be its MLP, found: none"),
        (three_mlps, "one module of model.layers.0 should be its MLP, found: mlp, one, two"),
        (parts_of_mlp, "one module of model.layers.0 should be its MLP, found parts: into, out"),
        (
            first_only(renamed),
            "layers are of several kinds: model.layers.0 has self_attn and feed_forward,"
            " model.layers.1 has self_attn and mlp; a spec describes one",
        ),
    ],
    ids=["two mix tokens", "no mlp", "three mlps", "parts of an mlp", "layers differ"],
)
def test_layer_of_other_parts_is_refused(change: Change, message: str) -> None:
    found = odd(change)
    assert refusal(lambda: anatomy(found)) == message


def test_block_that_returns_no_tensor_is_refused() -> None:
    def unboxing(model: Any) -> None:
        model.model.norm.register_forward_pre_hook(lambda _, args: (unboxed(args[0]),))

    assert refusal(lambda: anatomy(odd(boxed, model=unboxing))) == (
        "model.layers.0 returns a dict that does not begin with a tensor; TransformerLens reads a"
        " tensor, or a tuple that begins with one"
    )


def unnormed(model: Any) -> None:
    model.model.norm = nn.Identity()


def scaled(model: Any) -> None:
    model.lm_head.register_forward_pre_hook(lambda _, args: (args[0] / 3, *args[1:]))


def own_head(model: Any) -> None:
    model.lm_head = Projection(model.lm_head.weight)


def normalised_head(model: Any) -> None:
    own_head(model)
    model.lm_head.normalised = True


class Projection(nn.Module):
    """A projection of no class of torch's."""

    normalised = False

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = nn.functional.normalize(self.weight) if self.normalised else self.weight
        return x @ weight.T


def learned_positions(model: Any) -> None:
    places = nn.Embedding(200, model.config.hidden_size)
    model.places = places

    def add(module: nn.Module, args: Any, kwargs: Any) -> Any:
        hidden = args[0] + places(torch.arange(args[0].shape[1]))[None]
        return (hidden, *args[1:]), kwargs

    model.model.layers[0].register_forward_pre_hook(add, with_kwargs=True)


def shifted(model: Any) -> None:
    model.model.layers[0].register_forward_pre_hook(lambda _, args: (args[0] + 1, *args[1:]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (unnormed, "no norm stands between the last block and lm_head"),
        (normalised_head, "lm_head returns the logits, and is no linear layer of its weight"),
        (learned_positions, "what places returns is added to the tokens' embeddings"),
        (
            shifted,
            "what enters model.layers.0 is neither what model.embed_tokens returns, nor a multiple"
            " or a norm of it",
        ),
    ],
)
def test_model_without_a_part_is_refused(change: Change, message: str) -> None:
    found = odd(as_it_is, model=change)
    assert refusal(lambda: anatomy(found)) == message


def test_the_final_norm_may_be_scaled_before_the_unembedding_reads_it() -> None:
    assert anatomy(odd(as_it_is, model=scaled)).final_norm == "model.norm"


def test_unembedding_may_be_of_any_class_that_is_its_weight() -> None:
    assert anatomy(odd(as_it_is, model=own_head)).unembed == "lm_head"
