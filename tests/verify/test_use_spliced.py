"""Hook points of a class of one's own take part in the computation, as modules there do."""

import pytest
import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from adaptergen.verify import bridge as bridges
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load, module_of


class Zero(HookPoint):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


# Granite scales what it adds to the residual stream.
@pytest.mark.parametrize("path", ["hook_attn_out", "hook_mlp_out", "attn.o.hook_in", "mlp.hook_in"])
def test_a_hook_point_with_a_forward_of_its_own_acts_as_an_edit_does(path: str) -> None:
    subject = Subject(load("granite").spec, module_of("granite"))
    bridge, batch = subject.bridge, subject.hf.batch(8)
    before = bridges.logits(bridge, batch)
    wanted = bridges.edited_logits(bridge, batch, f"blocks.1.{path}", torch.zeros_like)
    owner, _, name = path.rpartition(".")
    setattr(bridge.blocks[1].get_submodule(owner), name, Zero())
    found = bridges.logits(bridge, batch)
    assert not torch.allclose(found, before)
    torch.testing.assert_close(found, wanted)
