"""Multi-head latent attention in HF's model."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from adaptergen.components.attention.latent.spec import LatentAttention
from adaptergen.components.attention.probe import AttentionProbe
from adaptergen.spec.model import Spec
from adaptergen.verify.declared import parameters_of_norm
from adaptergen.verify.heads import split
from adaptergen.verify.stage import Layer, Stage
from adaptergen.verify.structure import decided


class Probe(AttentionProbe[LatentAttention]):
    """Projections to latents, norms of these, and projections to queries, keys and values."""

    output_claim = "attention.o"

    @property
    def without_heads(self) -> str:
        """Queries, keys and values are not outputs of projections of the residual stream."""
        return "attention goes through latents, TL splits no weights by head"

    def compressed(self, config: object) -> bool:
        """Whether queries have a latent too."""
        return getattr(config, self.attention.compressed, None) is not None

    def stages(self, layer: Layer) -> Iterator[Stage]:
        """Each projection and norm, the latents, scores, pattern, and what the heads return."""
        attention, compressed = self.attention, self.compressed(layer.hf.config)
        keys = {path: key for key, path in attention.model_dump().items() if isinstance(path, str)}
        for role, name in self._modules(compressed).items():
            call, claim = layer.call(f"{attention.path}.{name}"), f"attention.{keys[name]}"
            yield layer.stage(f"attn.{role}.hook_in", "attention", claim, _flat(call.input))
            yield layer.stage(f"attn.{role}.hook_out", "attention", claim, _flat(call.value))
        latents = {"q": attention.q_norm} if compressed else {}
        for role, name in {**latents, "kv": attention.kv_norm}.items():
            value = _flat(layer.call(f"{attention.path}.{name}").value)
            hook, claim = f"attn.hook_{role}_latent", f"attention.{role}_norm"
            yield layer.stage(hook, "attention", claim, value)
        yield from self.scores(layer)
        yield from self.pattern(layer)
        output = layer.call(f"{attention.path}.{attention.o}")
        size = getattr(layer.hf.config, attention.value_head_dim)
        for hook in ("attn.o.hook_in", "attn.hook_z"):
            value = split(output.input, size)
            yield layer.stage(hook, "attention", "attention.value_head_dim", value)
        yield layer.stage("attn.o.hook_out", "attention", "attention.o", output.value)

    def _modules(self, compressed: bool) -> dict[str, str]:
        """TL's names of the modules before the scores, with the HF name of each."""
        attention = self.attention
        queries = {
            "q_a_proj": attention.q_a,
            "q_a_layernorm": attention.q_norm,
            "q_b_proj": attention.q_b,
        }
        return (queries if compressed else {"q_proj": attention.q}) | {
            "kv_a_proj_with_mqa": attention.kv_a,
            "kv_a_layernorm": attention.kv_norm,
            "kv_b_proj": attention.kv_b,
        }

    def parameters(self, spec: Spec, config: object) -> Iterator[tuple[str, str]]:
        """Those beside the layers that every config has."""
        attention, compressed = self.attention, self.compressed(config)
        for key in ("q_a", "q_b") if compressed else ("q",):
            yield f"{attention.path}.{getattr(attention, key)}.weight", f"attention.{key}"
        for key in self._norms(compressed):
            path = f"{attention.path}.{getattr(attention, key)}"
            yield from ((name, f"attention.{key}") for name in parameters_of_norm(spec, path))
        if decided(config, attention.bias):
            for key in ("q_a", "kv_a", "o") if compressed else ("kv_a", "o"):
                yield f"{attention.path}.{getattr(attention, key)}.bias", "attention.bias"

    def _norms(self, compressed: bool) -> tuple[str, ...]:
        return ("q_norm", "kv_norm") if compressed else ("kv_norm",)

    def conditions(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Queries without a latent."""
        yield {self.attention.compressed: None}, "attention.compressed"

    def counts(self, config: object) -> tuple[int, int]:
        """Every query head has its own keys and values."""
        count = int(getattr(config, self.attention.query_heads))
        return count, count


def _flat(value: Tensor) -> Tensor:
    """[batch, pos, width], also where HF has the latent of all heads as that of one head."""
    return value.squeeze(1) if value.ndim == 4 else value
