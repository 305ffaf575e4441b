"""Attention that is called as HF's module is, and returns what that returns."""

import pytest
import torch

from generated import called_as_hf

BATCH, HEADS, WIDTH = 2, 3, 4
# The dimension of positions in a pair of each order.
POSITIONS = {"batch_head_pos": 2, "batch_pos_head": 1, "pos_batch_head": 0}


def part(tokens: int, order: str) -> torch.Tensor:
    sizes = {"batch": BATCH, "head": HEADS, "pos": tokens}
    return torch.randn(*(sizes[word] for word in order.split("_")), WIDTH)


@pytest.mark.parametrize("order", POSITIONS)
def test_pair_of_keys_and_values_grows_as_hf_lays_it_out(order: str) -> None:
    assert called_as_hf._ORDERS.keys() == POSITIONS.keys()
    dimensions = called_as_hf._ORDERS[order]
    before, new = (tuple(part(tokens, order) for _ in range(2)) for tokens in (5, 2))
    cache = called_as_hf._KeysAndValues(before, dimensions)
    assert cache.get_seq_length() == 5
    as_tl = called_as_hf._KeysAndValues(new, dimensions).update(*empty())
    keys, values = cache.update(*as_tl)
    assert keys.shape == values.shape == (BATCH, HEADS, 7, WIDTH)
    for found, old, added in zip(cache.pair, before, new, strict=True):
        assert torch.equal(found, torch.cat((old, added), dim=POSITIONS[order]))


def empty() -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values of no token [batch, head, 0, d_head]."""
    return torch.empty(BATCH, HEADS, 0, WIDTH), torch.empty(BATCH, HEADS, 0, WIDTH)


def test_first_pair_is_that_of_the_first_tokens() -> None:
    cache = called_as_hf._KeysAndValues(None, called_as_hf._ORDERS["pos_batch_head"])
    assert (cache.get_seq_length(), cache.pair) == (0, None)
    cache.update(torch.zeros(BATCH, HEADS, 5, WIDTH), torch.ones(BATCH, HEADS, 5, WIDTH))
    assert [found.shape for found in cache.pair] == 2 * [(5, BATCH, HEADS, WIDTH)]
