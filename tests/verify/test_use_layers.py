"""Models whose weights are on disk until layers run: their projections can be hooked one by one."""

import copy
from pathlib import Path
from typing import Any

import accelerate
import pytest
import torch
from torch import Tensor
from transformers.models.llama.modeling_llama import LlamaMLP

from adaptergen.verify import bridge as bridges
from adaptergen.verify.check import ROUNDED
from adaptergen.verify.checks import use_layers
from adaptergen.verify.record import Status
from adaptergen.verify.running import run_checks
from adaptergen.verify.subject import Subject
from tests.verify.conftest import load, module_of


def test_what_hf_itself_computes_otherwise_offloaded_is_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forward(mlp: Any, hidden_states: Tensor) -> Tensor:
        """Adds a weight that is elsewhere for now: HF's code may read one so, and go on."""
        output: Tensor = mlp.down_proj(mlp.act_fn(mlp.gate_proj(hidden_states)))
        return output if mlp.down_proj.weight.is_meta else output + mlp.down_proj.weight[:, 0]

    monkeypatch.setattr(LlamaMLP, "forward", forward)
    subject = Subject(load("llama").spec, module_of("llama"))
    (result,) = run_checks(subject, [use_layers.offloaded])
    assert result.status is Status.SKIPPED
    assert result.message == "HF itself computes something else where this model is offloaded"


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
