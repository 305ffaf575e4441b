"""Rules of which layers rotate and how far they see: those that fit every config tried."""

from typing import Any

import pytest
import torch

from adaptergen.infer import positions
from adaptergen.infer.positions import layers_rotating, pairing, window
from tests.infer.tiny_models import as_it_is, odd, refusal, spec_of, tiny, unlike

pytestmark = pytest.mark.usefixtures("exact")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("llama", {"pairing": "half"}),
        ("cohere", {"pairing": "interleaved"}),
        ("ernie4_5", {"pairing": "adjacent"}),
        ("phi", {"pairing": "half"}),
        ("gpt_oss", {"pairing": "half", "cosines": "per_pair"}),
    ],
)
def test_pairs_are_those_of_the_spec(name: str, found: dict[str, str]) -> None:
    assert pairing(tiny(name), spec_of(name)) == found
    rope = spec_of(name).attention.rope.model_dump()
    assert {"cosines": "per_element", **found}.items() <= rope.items()


def test_nothing_rotates_without_rotating_layers() -> None:
    found = tiny("smollm3").under({"no_rope_layers": [0, 0, 0, 0]})
    assert found is not None
    assert pairing(found, spec_of("smollm3")) is None


@pytest.mark.parametrize("name", ["llama", "phi3"])
def test_window_is_that_of_the_spec(name: str) -> None:
    facet, evidence = window(tiny(name), spec_of(name))
    assert unlike(name, inside_attention={"window": facet}) == {}
    assert evidence.startswith("fits every config tried")


@pytest.mark.full
@pytest.mark.parametrize("name", ["smollm3", "afmoe", "cohere2", "exaone4", "gpt_oss", "gemma2"])
def test_rotating_layers_and_windows_are_those_of_the_spec(name: str) -> None:
    spec = spec_of(name)
    layers, _ = layers_rotating(tiny(name), spec)
    facet, _ = window(tiny(name), spec)
    rope = {**spec.model_dump(by_alias=True)["attention"]["rope"], "layers": layers}
    assert unlike(name, inside_attention={"rope": rope, "window": facet}) == {}


def every_other(block: Any) -> None:
    """Rotate in each second layer, which no attribute says."""
    inner = block.self_attn
    if inner.layer_idx % 2:
        inner.register_forward_pre_hook(still, with_kwargs=True)


def still(_: Any, args: Any, kwargs: Any) -> Any:
    cos, sin = kwargs["position_embeddings"]
    return args, {**kwargs, "position_embeddings": (cos * 0 + 1, sin * 0)}


def test_layers_that_rotate_by_no_rule_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = odd(every_other)
    monkeypatch.setattr(positions, "_moved", lambda *_: ())
    message = "layers [0, 2] rotate, by a rule that no facet describes"
    assert refusal(lambda: layers_rotating(found, spec_of("llama"))) == message


def narrow(block: Any) -> None:
    """See five tokens in the third layer alone, which no attribute says."""
    if block.self_attn.layer_idx == 2:
        block.self_attn.register_forward_pre_hook(near, with_kwargs=True)


def near(_: Any, args: Any, kwargs: Any) -> Any:
    length = kwargs["hidden_states"].shape[1]
    far = torch.full((length, length), -1e9, dtype=torch.float64).tril(-5)
    mask = kwargs["attention_mask"]
    return args, {**kwargs, "attention_mask": far if mask is None else mask + far}


def test_windows_by_no_rule_are_named() -> None:
    text = refusal(lambda: window(odd(narrow), spec_of("llama")))
    assert text.startswith("layers see {0: 24, 1: 24, 2: 5, 3: 24} tokens")
    assert text.endswith("by a rule that no facet describes")


def test_pairs_of_another_kind_are_refused() -> None:
    """Both elements of a pair have to turn alike."""

    def change(block: Any) -> None:
        block.self_attn.register_forward_pre_hook(stretched, with_kwargs=True)

    text = refusal(lambda: pairing(odd(change), spec_of("llama")))
    assert text == "elements of a head rotate in pairs that no facet describes"


def stretched(_: Any, args: Any, kwargs: Any) -> Any:
    cos, sin = kwargs["position_embeddings"]
    factors = torch.linspace(0.5, 1.5, cos.shape[-1], dtype=cos.dtype)
    return args, {**kwargs, "position_embeddings": (factors * cos, sin)}


def test_nothing_is_learnt_from_a_model_as_it_is() -> None:
    assert pairing(odd(as_it_is), spec_of("llama")) == {"pairing": "half"}
