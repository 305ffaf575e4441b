"""HF's own continuation of a text, which a bridge's is held against."""

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from adaptergen.verify.decoding import hf_continuation
from adaptergen.verify.hf import Batch

NAME = next(
    name
    for name in ("cache", "past_key_values")
    if name in inspect.signature(LlamaForCausalLM.forward).parameters
)


class TakesPastKeyValues(LlamaForCausalLM):
    """Code from before transformers 5.24: a cache under another name would be lost in `ignored`."""

    def forward(
        self, input_ids: Tensor, past_key_values: Any = None, use_cache: Any = None, **ignored: Any
    ) -> Any:
        mask, positions = ignored.get("attention_mask"), ignored.get("position_ids")
        given = {NAME: past_key_values, "attention_mask": mask, "position_ids": positions}
        return super().forward(input_ids, use_cache=use_cache, **given)


class PreparesPastKeyValues(TakesPastKeyValues):
    """The same, with preparation of its own, which takes the old name too."""

    def prepare_inputs_for_generation(  # type: ignore[override]
        self, input_ids: Tensor, past_key_values: Any = None, attention_mask: Any = None, **_: Any
    ) -> dict[str, Any]:
        seen = 0 if past_key_values is None else past_key_values.get_seq_length()
        return {
            "input_ids": input_ids[:, seen:],
            "past_key_values": past_key_values,
            "attention_mask": attention_mask,
            "use_cache": True,
        }


class TakesNoCache(LlamaForCausalLM):
    """Code that drops what it does not know."""

    def forward(self, input_ids: Tensor, **ignored: Any) -> Any:
        mask, positions = ignored.get("attention_mask"), ignored.get("position_ids")
        return super().forward(input_ids, attention_mask=mask, position_ids=positions)


@pytest.mark.parametrize("model_class", [TakesPastKeyValues, PreparesPastKeyValues, TakesNoCache])
def test_a_cache_is_handed_on_under_the_name_that_the_models_code_has_or_not_at_all(
    model_class: Any,
) -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=101, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, initializer_range=0.5,
    )  # fmt: skip
    model = model_class(config).eval()
    batch = Batch(torch.randint(1, 101, (2, 9)))
    found = hf_continuation(model, batch, 8, pad_token_id=0)
    alone = LlamaForCausalLM(config).eval()
    alone.load_state_dict(model.state_dict())
    assert torch.equal(found, hf_continuation(alone, batch, 8, use_cache=False, pad_token_id=0))
