"""Models whose weights are on disk until layers run: their projections can be hooked one by one."""

import copy
from pathlib import Path

import accelerate
import pytest
import torch

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import ROUNDED
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load, module_of


@pytest.mark.parametrize("name", ["phi3", "gpt_neox", "persimmon", "glm"])
def test_projections_of_weights_on_disk_can_be_edited(name: str, tmp_path: Path) -> None:
    subject = Subject(load(name).spec, module_of(name))
    model, batch = copy.deepcopy(subject.hf.model), subject.hf.batch(8)
    accelerate.disk_offload(model, str(tmp_path), execution_device=torch.device("cpu"))
    bridge = bridges.wrap(subject.adapter, subject.architecture, model)
    for hook in (
        "attn.hook_q",
        "attn.k.hook_in",
        "attn.hook_v",
        "attn.hook_pattern",
        "mlp.hook_pre",
    ):
        path = f"blocks.1.{hook}"
        wanted = bridges.edited_logits(subject.bridge, batch, path, lambda value: value.flip(1))
        found = bridges.edited_logits(bridge, batch, path, lambda value: value.flip(1))
        # TransformerLens computes the softmax in float32.
        torch.testing.assert_close(found, wanted, rtol=0, atol=ROUNDED)
