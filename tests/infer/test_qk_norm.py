"""Norms of queries and keys: over what, under which key, and on which side of the rotation."""

from typing import Any

import pytest
from torch import nn

from adaptergen.infer.attention import projections
from adaptergen.infer.keys import present
from adaptergen.infer.qk_norm import head_norms
from tests.infer.tiny_models import Change, attention, odd, projected, refusal, tiny, unlike

pytestmark = pytest.mark.usefixtures("exact")
INNER = "model.layers.0.self_attn"


NORMED = ("olmo2", "cohere", "stablelm", "persimmon", "afmoe", "nanochat", "hunyuan_v1_dense")


@pytest.mark.parametrize("name", ["llama", *NORMED])
def test_norms_are_those_of_the_spec(name: str) -> None:
    path, found = attention(name), projected(name)
    normed, decisive = present(tiny(name), lambda w: head_norms(w, path, found), "norms")
    facet = normed.facet(decisive) if normed else "none"
    assert unlike(name, inside_attention={"qk_norm": facet}) == {}


def only_queries(block: Any) -> None:
    block.self_attn.k_norm = nn.Identity()


def other_kind(block: Any) -> None:
    """Keys are normed as a whole, queries each head."""
    block.self_attn.k_norm = nn.Sequential(nn.Unflatten(-1, (1, 16)), nn.RMSNorm((1, 16)))
    block.self_attn.k_norm.append(nn.Flatten(-2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (only_queries, "attention does not norm queries and keys once each"),
        (other_kind, "the norms of queries and of keys differ in kind"),
    ],
)
def test_uneven_norms_are_refused(change: Change, message: str) -> None:
    found = odd(change, "qwen3")
    assert refusal(lambda: head_norms(found, INNER, projections(found, INNER))) == message


def normed_output(block: Any) -> None:
    """A norm of what heads return, which queries and keys move too."""
    inner = block.self_attn
    inner.groupnorm = nn.RMSNorm(64)
    inner.o_proj.register_forward_pre_hook(lambda _, args: (0.2 * inner.groupnorm(args[0]),))


def test_norm_that_values_pass_through_too_is_none_of_queries_or_keys() -> None:
    found = odd(normed_output)
    assert head_norms(found, INNER, projections(found, INNER)) is None
