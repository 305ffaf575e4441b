"""Runs SAELens' own bridge on a tiny model, with an SAE at each hook point of a layer in turn.

Prints, as JSON, for each hook: how far the output is from that of HF's model with the same SAE put
there by hand, how far gradients are, and what the SAE changes at all. Where nothing in HF's modules
stands for a hook point, a hook that applies the SAE is what is expected.

Run with SAELens on the path: `python saes.py SPEC FOLDER`.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from sae_lens import StandardSAE, StandardSAEConfig
from sae_lens.analysis.hooked_sae_transformer import get_deep_attr, set_deep_attr
from sae_lens.analysis.sae_transformer_bridge import SAETransformerBridge
from torch import Tensor, nn

import adaptergen
from adaptergen.spec.model import Spec
from adaptergen.verify import checkpoint
from adaptergen.verify.hf import HfModel, hf_class
from tests.verify.conftest import load

LAYER = 1
# Scores hold the lowest number there is where a token must not be seen: no SAE makes sense of it.
LEFT_OUT = ("hook_attn_scores",)
# What people call hook points.
ALIASES = (
    "hook_resid_pre", "hook_resid_post", "hook_attn_out", "hook_mlp_out", "attn.hook_q",
    "attn.hook_k", "attn.hook_v", "attn.hook_z", "mlp.hook_pre", "mlp.hook_post",
)  # fmt: skip


def main(name: str, folder: str) -> None:
    spec, ids = load(name).spec, torch.tensor([[7, 3, 11, 5, 2, 9]])
    torch.manual_seed(0)
    made = HfModel(spec.architecture, {**spec.tiny, **checkpoint.settings()})
    checkpoint.save(made.model.float(), folder)
    adaptergen.register()
    bridge = SAETransformerBridge.boot_transformers(folder, device="cpu", dtype=torch.float32)
    hf = hf_class(spec.architecture).from_pretrained(folder, dtype=torch.float32)
    found, modules = {}, modules_of(spec)
    names = [key for key in bridge.hook_dict if key.startswith(f"blocks.{LAYER}.")]
    for hook in [*names, *(f"blocks.{LAYER}.{alias}" for alias in ALIASES)]:
        width = width_at(bridge, ids, hook)
        if width and not hook.endswith(LEFT_OUT):
            found[hook] = compared(bridge, hf, ids, sae_of(hook, width), modules)
    print(json.dumps(found))


def modules_of(spec: Spec) -> dict[str, str]:
    """HF's module for each component of TL's, both seen from the layer; nothing is the layer."""
    found = {"": "", ".ln1": spec.block.ln1, ".ln2": spec.block.ln2}
    found |= {".attn": spec.attention.path, ".mlp": spec.mlp.path}
    for part, facet in ((".attn", spec.attention.projections), (".mlp", spec.mlp)):
        for role in ("q", "k", "v", "o", "gate", "in_", "out"):
            if hasattr(facet, role):
                found[f"{part}.{role.rstrip('_')}"] = f"{found[part]}.{getattr(facet, role)}"
    return {part: f".{path}" if path else "" for part, path in found.items()}


class Recorder(nn.Module):
    """Hands on what it is given, and remembers its width."""

    width = 0

    def forward(self, value: Tensor) -> Tensor:
        self.width = value.shape[-1] if value.is_floating_point() else 0
        return value


def width_at(bridge: Any, ids: Tensor, hook: str) -> int:
    """The width of what a module in a hook point's place is handed; 0 if it does not run."""
    path, recorder = bridge._resolve_hook_name(hook), Recorder()
    point = get_deep_attr(bridge, path)
    set_deep_attr(bridge, path, recorder)
    bridge(ids)
    set_deep_attr(bridge, path, point)
    point.name = path
    return recorder.width


def sae_of(hook: str, width: int) -> Any:
    sae = StandardSAE(StandardSAEConfig(d_in=width, d_sae=2 * width))
    sae.cfg.metadata.hook_name = hook
    for parameter in sae.parameters():
        nn.init.normal_(parameter, std=width**-0.5)
    return sae


def compared(
    bridge: Any, hf: Any, ids: Tensor, sae: Any, modules: dict[str, str]
) -> dict[str, float | bool]:
    """Differences in units of the largest logit, and of the largest gradient."""
    plain = bridge(ids)
    wanted, in_hf = expected(bridge, hf, ids, sae, modules)
    gradients = gradients_of(wanted, sae)
    attached = bridge.run_with_saes(ids, saes=[sae])
    after = bridge(ids)
    bridge.add_sae(sae)
    again = bridge(ids)
    own = gradients_of(again, sae)
    bridge.reset_saes()
    outputs = (attached, again)
    scale = float(wanted.detach().abs().max())
    steepest = max(float(one.abs().max()) for one in gradients) or 1.0
    return {
        "in_hf": in_hf,
        "changes": float((wanted - plain).detach().abs().max()) / scale,
        "output": max(float((one - wanted).detach().abs().max()) for one in outputs) / scale,
        "after": max(float((one - plain).detach().abs().max()) for one in (after, bridge(ids)))
        / scale,
        "gradient": max(
            float((one - other).abs().max()) for one, other in zip(own, gradients, strict=True)
        )
        / steepest,
    }


def gradients_of(logits: Tensor, sae: nn.Module) -> tuple[Tensor, ...]:
    parameters = list(sae.parameters())
    loss = logits.logsumexp(-1).sum()
    return torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)


def expected(
    bridge: Any, hf: Any, ids: Tensor, sae: Any, modules: dict[str, str]
) -> tuple[Tensor, bool]:
    """The logits, and whether they are HF's."""
    # SAELens leaves new hook points behind, which aliases do not lead to.
    name = bridge._resolve_hook_name(sae.cfg.metadata.hook_name)
    hook = name.removeprefix(f"blocks.{LAYER}.")
    part, _, end = f".{hook}".rpartition(".")
    if part in modules and end in ("hook_in", "hook_out"):
        module = hf.get_submodule(f"model.layers.{LAYER}{modules[part]}")
        with spliced(module, end, sae):
            return hf(ids).logits, True

    def edit(value: Tensor, hook: Any) -> Tensor:
        # Hooks see heads where a module in their place sees none.
        whole = value.shape[-1] == sae.cfg.d_in
        edited: Tensor = sae(value if whole else value.flatten(2))
        return edited.view_as(value)

    with bridge.hooks(fwd_hooks=[(name, edit)]):
        return bridge(ids), False


@contextmanager
def spliced(module: nn.Module, end: str, sae: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """While active, the SAE is between HF's module and what comes before or after it."""

    def put(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (sae(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": sae(kwargs["hidden_states"])}

    def replace(_: nn.Module, args: Any, output: Any) -> Any:
        return (sae(output[0]), *output[1:]) if isinstance(output, tuple) else sae(output)

    if end == "hook_in":
        handle = module.register_forward_pre_hook(put, with_kwargs=True)
    else:
        handle = module.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


if __name__ == "__main__":
    main(*sys.argv[1:])
