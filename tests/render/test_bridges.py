"""The bridges that an adapter is made of."""

import pytest

from adaptergen.spec.multipliers import Multipliers
from adaptergen.targets.transformer_lens.bridges import bridges
from tests.verify.conftest import load


@pytest.mark.parametrize(
    ("name", "block", "base"),
    [
        ("llama", "ScaledResidualBlockBridge", None),
        ("deepseek_v2", "_DeepseekV2BlockBridge", "ScaledResidualBlockBridge"),
    ],
)
def test_blocks_that_scale_what_they_add_lack_the_hooks_that_their_attention_lacks(
    name: str, block: str, base: str | None
) -> None:
    factor = Multipliers(residual="scale_depth / sqrt(num_hidden_layers)")
    found = bridges(load(name).spec.model_copy(update={"multipliers": factor}))
    assert (found["block_bridge"], found["block_bridge_base"]) == (block, base)
