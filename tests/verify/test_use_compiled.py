"""A whole bridge that torch has compiled: hooks that are attached afterwards act."""

import pytest
import torch

from adaptergen.verify import bridge as bridges
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load, module_of

HOOKS = ("attn.hook_z", "attn.hook_pattern", "mlp.hook_post", "ln2.hook_normalized")


@pytest.mark.full
@pytest.mark.parametrize("name", ["llama", "granite"])
def test_hooks_act_that_are_attached_to_a_compiled_bridge(name: str) -> None:
    subject = Subject(load(name).spec, module_of(name), {"num_hidden_layers": 1})
    bridge, batch = subject.bridge, subject.hf.batch(8)
    compiled = torch.compile(bridge, backend="eager")
    with torch.no_grad():
        before = compiled(batch.ids)
        torch.testing.assert_close(before, bridges.logits(bridge, batch))
        for hook in HOOKS:
            path = f"blocks.0.{hook}"
            with bridge.hooks(fwd_hooks=[(path, lambda value, hook: value.flip(0))]):
                found = compiled(batch.ids)
            wanted = bridges.edited_logits(bridge, batch, path, lambda value: value.flip(0))
            assert not torch.allclose(found, before), hook
            torch.testing.assert_close(found, wanted)
