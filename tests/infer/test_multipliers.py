"""Constants that activations are multiplied by, and the config keys that hold them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from adaptergen.infer.anatomy import anatomy
from adaptergen.infer.block import flow
from adaptergen.infer.multipliers import multipliers
from adaptergen.infer.tiny_model import TinyModel
from tests.infer.tiny_models import added, as_it_is, odd, parts, refusal, spec_of, tiny, unlike

pytestmark = pytest.mark.usefixtures("exact")


@pytest.mark.parametrize("name", ["llama", "granite", "cohere", "gemma2", "granitemoeshared"])
def test_multipliers_are_those_of_the_spec(name: str) -> None:
    found = multipliers(tiny(name), parts(name), flow(tiny(name)).scale)
    assert unlike(name, multipliers=found) == {}


def look(found: TinyModel, scale: float = 1.0) -> Any:
    return multipliers(found, anatomy(found), scale)


def times(path: str, number: float) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        added(model.get_submodule(path), lambda owner, given, output: number * output)

    return change


def on_its_way(number: float) -> Callable[[Any], None]:
    """The embedding is multiplied once it has been looked up."""

    def change(model: Any) -> None:
        first = model.model.layers[0]
        first.register_forward_pre_hook(lambda _, args: (number * args[0], *args[1:]))

    return change


def logits(number: float) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        def scale(_: Any, __: Any, output: Any) -> Any:
            output.logits = number * output.logits
            return output

        model.register_forward_hook(scale)

    return change


def read(number: float) -> Callable[[Any], None]:
    """The unembedding reads the final norm, multiplied."""

    def change(model: Any) -> None:
        model.lm_head.register_forward_pre_hook(lambda _, args: (number * args[0],))

    return change


def capping(given: Any) -> None:
    given.ceiling = getattr(given, "ceiling", 30.0)


def capped(model: Any) -> None:
    cap = model.config.ceiling

    def cap_logits(_: Any, __: Any, output: Any) -> Any:
        output.logits = cap * torch.tanh(output.logits / cap)
        return output

    model.register_forward_hook(cap_logits)


def test_soft_cap_is_named_where_tl_does_not_know_it() -> None:
    assert look(odd(as_it_is, config=capping, model=capped)) == {"soft_cap": "ceiling"}


@pytest.mark.parametrize(
    ("model", "scale", "message"),
    [
        (logits(3.5), 1.0, "the model multiplies the logits by 3.5, which no config keys give"),
        (read(3.5), 1.0, "the model multiplies the logits by 3.5, which no config keys give"),
        (as_it_is, 0.7, "blocks multiply what they add by 0.7, which no config keys give"),
        (on_its_way(2.5), 1.0, "the embedding is multiplied by 2.5, which no config keys give"),
    ],
    ids=["logits", "unembedding", "residual", "embedding"],
)
def test_constant_that_no_key_gives_is_refused(model: Any, scale: float, message: str) -> None:
    found = odd(as_it_is, model=model)
    assert refusal(lambda: look(found, scale)) == message


def test_factors_are_products_of_keys_and_of_their_roots() -> None:
    def scaled(model: Any) -> None:
        config, first = model.config, model.model.layers[0]
        number = config.hidden_size**0.5 / config.intermediate_size
        first.register_forward_pre_hook(lambda _, args: (number * args[0], *args[1:]))

    facet = look(odd(as_it_is, model=scaled))
    assert facet["embedding"] == "sqrt(hidden_size) / intermediate_size"


def test_key_of_the_same_value_that_moves_nothing_is_not_taken() -> None:
    spec = spec_of("granite")
    value = float(spec.tiny["logits_scaling"])
    found = TinyModel(spec.architecture, {**spec.tiny, "embedding_multiplier": value})
    facet = multipliers(found, parts("granite"), flow(found).scale)
    assert facet["logits"] == {"divide": "logits_scaling"}
    assert facet["embedding"] == "embedding_multiplier"
