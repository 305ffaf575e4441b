"""A further MLP in HF's model."""

from collections.abc import Iterator

from adaptergen.components.mlp.probe import Facts, halved
from adaptergen.components.side_mlp.spec import SideMlp
from adaptergen.verify.hf import HfModel
from adaptergen.verify.stage import Layer, Stage


def side_stages(side: SideMlp, layer: Layer) -> Iterator[Stage]:
    """The activations of a further MLP."""
    fused, out = (layer.call(f"{side.path}.{name}") for name in (side.gate_in, side.out))
    whole = layer.call(side.path)
    yield layer.stage("shared_mlp.hook_in", "mlp", "side_mlp.path", whole.input)
    yield layer.stage("shared_mlp.gate_in.hook_in", "mlp", "side_mlp.gate_in", fused.input)
    yield layer.stage("shared_mlp.gate_in.hook_out", "mlp", "side_mlp.gate_in", fused.value)
    for role, value in zip(("gate", "in"), fused.value.chunk(2, dim=-1), strict=True):
        yield layer.stage(f"shared_mlp.{role}.hook_out", "mlp", "side_mlp.gate_in", value)
    for hook in ("out.hook_in", "hook_post"):
        yield layer.stage(f"shared_mlp.{hook}", "mlp", "side_mlp.out", out.input)
    yield layer.stage("shared_mlp.hook_out", "mlp", "side_mlp.out", whole.value)


def side_parameters(side: SideMlp, layer: str) -> dict[str, str]:
    """Names of its parameters in a layer, with the claims that lead to them."""
    parts = {"gate_in": side.gate_in, "out": side.out}
    path = f"{layer}.{side.path}"
    return {f"{path}.{name}.weight": f"side_mlp.{key}" for key, name in parts.items()}


def side_facts(side: SideMlp, hf: HfModel, path: str) -> Facts:
    """Whether it is gated as its facet says."""
    yield from halved(side, hf, path, "gate")
